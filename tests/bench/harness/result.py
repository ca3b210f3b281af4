# SPDX-License-Identifier: Apache-2.0
"""The lines that a bench prints: one JSON object each, as docs/bench.md says."""
import json
import statistics
import sys

KEYS = ("bench", "case", "metric", "unit", "weft", "peer", "peer_value", "ratio", "runs")
RUNS_MIN = 5


def significant(number):
    """Six digits: more than any of the measurements has, and short enough to read."""
    return None if number is None else float(f"{number:.6g}")


def print_line(bench, case, metric, unit, weft, peer=None, peer_values=None):
    """Prints one line. weft and peer_values are the values of the rounds; the medians are compared."""
    weft_value = statistics.median(weft)
    peer_value = None if peer is None else statistics.median(peer_values)
    line = {
        "bench": bench,
        "case": case,
        "metric": metric,
        "unit": unit,
        "weft": significant(weft_value),
        "peer": peer,
        "peer_value": significant(peer_value),
        "ratio": None if peer is None else significant(weft_value / peer_value),
        "runs": len(weft),
    }
    print(json.dumps(line), flush=True)


def problems_of(text):
    """What is wrong with a line, as sentences; empty for a good one."""
    try:
        line = json.loads(text)
    except ValueError as error:
        return [f"not JSON: {error}"]
    if not isinstance(line, dict) or tuple(line) != KEYS:
        return [f"the keys are not {', '.join(KEYS)}"]
    problems = [f"{key} is not a text" for key in KEYS[:4] if not isinstance(line[key], str) or not line[key]]
    if not isinstance(line["weft"], (int, float)):
        problems.append("weft is not a number")
    if not isinstance(line["runs"], int) or line["runs"] < RUNS_MIN:
        problems.append(f"runs is not a number from {RUNS_MIN} up")
    beside = [line[key] for key in ("peer", "peer_value", "ratio")]
    if any(part is None for part in beside):
        if any(part is not None for part in beside):
            problems.append("peer, peer_value and ratio are not all null")
    elif not isinstance(beside[0], str) or not all(isinstance(part, (int, float)) for part in beside[1:]):
        problems.append("peer, peer_value and ratio are not a text and two numbers")
    elif not problems and abs(line["ratio"] * line["peer_value"] - line["weft"]) > 1e-4 * abs(line["weft"]):
        problems.append("ratio is not weft / peer_value")
    return problems


def progress(text):
    print(text, file=sys.stderr, flush=True)
