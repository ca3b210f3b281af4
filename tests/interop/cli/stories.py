#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weft run` and `weft bench` with a server that is not ours (oip_server.py), over gRPC and REST. Prints TAP."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

WEFT = os.environ["WEFT_TEST_PROGRAM"]
SOURCE = pathlib.Path(os.environ["WEFT_TEST_SOURCE"])
HERE = pathlib.Path(__file__).resolve().parent


class Server:
    """The foreign server, until the story ends."""

    def __init__(self):
        self.process = subprocess.Popen(["/usr/bin/python3", HERE / "oip_server.py", SOURCE / "proto/inference"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.grpc, self.http = self.process.stdout.readline().split()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=30)


def weft(*arguments, directory=None):
    return subprocess.run([WEFT, *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd=directory,
                          check=False)


def expect(result, code, *parts):
    """The exit code, and parts of what was said on either stream."""
    said = result.stdout + result.stderr
    assert result.returncode == code, f"exit {result.returncode} and not {code}: {said}"
    for part in parts:
        assert part in said, f"no {part!r} in: {said}"
    return result


def numbers_and_text(server, _):
    """Numbers and text become what the server's metadata says, and answers are printed."""
    expect(weft("run", "double", "--server", server.grpc, "--input", "x=0.5,1,2,3"), 0, "y: 1 2 4 6\n")
    expect(weft("run", "shout", "--server", server.grpc, "--input", "text=hällo"), 0, "text: HÄLLO\n")


def json_for_programs(server, _):
    """-o json gives the outputs, and null for the record that such a server does not keep."""
    result = weft("run", "double", "--server", server.grpc, "--input", "x[1,2]=1,2", "--id", "mine", "-o", "json")
    answer = json.loads(expect(result, 0).stdout)
    assert answer["id"] == "mine" and answer["record"] is None, answer
    assert answer["outputs"][0]["data"] == [2, 4] and answer["outputs"][0]["shape"] == [1, 2], answer
    assert result.stderr == "", result.stderr


def pictures(server, directory):
    """Pixels are written as a picture where the file's name asks for one, and raw otherwise."""
    expect(weft("run", "picture", "--server", server.grpc, "--input", "side=8", "--output", "image=a.png",
                directory=directory), 0, "in a.png")
    assert (directory / "a.png").read_bytes().startswith(b"\x89PNG")
    expect(weft("run", "picture", "--server", server.grpc, "--input", "side=8", "--output", "image=a.raw",
                directory=directory), 0)
    assert len((directory / "a.raw").read_bytes()) == 8 * 8 * 3
    expect(weft("run", "picture", "--server", server.grpc, "--input", "side=8"), 0, "--output image=FILE writes it")
    expect(weft("run", "double", "--server", server.grpc, "--input", "x=1,2", "--output", "y=a.png"), 3, "no picture")


def mistakes(server, _):
    """Wrong names, files and values are told with what was meant, before anything is called."""
    for argument, code, words in (("txet=a", 3, 'did you mean "text"?'), ("text=@/nonexistent", 4, "/nonexistent"),
                                  ("text", 2, "NAME=VALUE")):
        expect(weft("run", "shout", "--server", server.grpc, "--input", argument), code, words)
    expect(weft("run", "double", "--server", server.grpc, "--input", "x=1,2,3"), 3, "3 elements")
    expect(weft("run", "shuot", "--server", server.grpc), 4, "no model is called shuot")
    expect(weft("run", "broken", "--server", server.grpc, "--input", "x=1"), 3, "this model always fails")
    expect(weft("run", "shout", "--sever", server.grpc), 2, "--server")
    expect(weft("run"), 2, "which pipeline?")
    expect(weft("get", "nodse", "--server", server.grpc), 2, '"nodes"')


def too_late(server, _):
    """What takes longer than --timeout ends with 6."""
    expect(weft("run", "slow", "--server", server.grpc, "--input", "text=a", "--timeout", "100ms"), 6)


def nobody(_, __):
    """Nobody at the address is exit 5 with the address and what to start."""
    for verb in (("run", "double"), ("get", "nodes"), ("bench", "--model", "double"),
                 ("bench", "--model", "double", "--protocol", "http")):
        expect(weft(*verb, "--server", "127.0.0.1:1"), 5, "nobody answers at 127.0.0.1:1", "weft up FILE")


def gone(server, _):
    """A server that dies while it is asked is told from one that never was."""
    expect(weft("run", "gone", "--server", server.grpc, "--input", "x=1"), 5, "went away")


def bench(server, protocol, *arguments):
    address = server.grpc if protocol == "grpc" else server.http
    return weft("bench", "--server", address, "--protocol", protocol, "--warm-up", "0", "-o", "json", *arguments)


def load(server, _):
    """A number of calls, some in flight at once, all counted; over gRPC and over REST."""
    for protocol in ("grpc", "http"):
        result = expect(bench(server, protocol, "--model", "double", "--shape", "x=4x2", "--requests", "40",
                              "--concurrency", "4"), 0)
        report = json.loads(result.stdout)
        assert report["calls"] == 40 and report["failures"] == 0, report
        latency = report["latency_ns"]
        assert 0 < latency["min"] <= latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"], report


def a_rate(server, _):
    """With a rate, a call's time counts from when it was meant to start: one place, slower than the rate."""
    report = json.loads(expect(bench(server, "grpc", "--model", "slow", "--rate", "10", "--requests", "5",
                                     "--concurrency", "1"), 0).stdout)
    # Each takes half a second and the fifth was meant to start after 0.4: it has waited for the four before it.
    assert report["late"] == 4 and report["latency_ns"]["max"] > 2_000_000_000, report


def failures(server, _):
    """Failures are counted by their status and make the exit code."""
    report = json.loads(expect(bench(server, "grpc", "--model", "broken", "--requests", "7"), 3).stdout)
    assert report["errors"] == {"INVALID_ARGUMENT": 7} and report["calls"] == 0, report
    expect(weft("bench", "--server", server.http, "--protocol", "http", "--model", "broken", "--requests", "3",
                "--warm-up", "0"), 3, "failed: 3 invalid argument", "this model always fails")
    expect(bench(server, "http", "--model", "shuot"), 4, "no model is called shuot")


def main():
    stories = [numbers_and_text, json_for_programs, pictures, mistakes, too_late, nobody, gone, load, a_rate, failures]
    print(f"1..{len(stories)}")
    failed = False
    for number, story in enumerate(stories, 1):
        words = story.__doc__.rstrip(".")
        try:
            with tempfile.TemporaryDirectory(prefix="weft-interop-") as directory, Server() as server:
                story(server, pathlib.Path(directory))
            print(f"ok {number} - {words}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} - {words}", flush=True)
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    sys.exit(failed)


main()
