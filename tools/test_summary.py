"""Reads meson's logs of the given build directories: prints the ten slowest tests and counts test cases.

A test that speaks TAP counts its cases, any other counts as one. The last line is "N passed, N failed"; the exit code
says whether anything failed, or nothing ran.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r"^(not )?ok\b(?!.*# SKIP)", re.MULTILINE)


def outcomes(test):
    """(passed, failed) cases of one test."""
    well = test["result"] in ("OK", "EXPECTEDFAIL")
    cases = CASE.findall(test.get("stdout", "") or "")
    failed = sum(1 for case in cases if case)
    passed = len(cases) - failed
    if well:
        return max(passed, 1), 0
    return passed, max(failed, 1)


def main():
    passed = failed = 0
    times = []
    for directory in sys.argv[1:]:
        log = pathlib.Path(directory, "meson-logs", "testlog.json")
        if not log.exists():
            print(f"no tests ran in {directory}")
            failed += 1
            continue
        for line in log.read_text().splitlines():
            test = json.loads(line)
            well, ill = outcomes(test)
            passed += well
            failed += ill
            times.append((test["duration"], directory, test["name"]))
            if ill:
                print(f"FAILED: {directory}: {test['name']} ({test['result']})")
    print("the ten slowest tests:")
    for seconds, directory, name in sorted(times, reverse=True)[:10]:
        print(f"  {seconds:7.2f} s  {directory}: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
