#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""curl and h2load against the doors of a node: what a person types, and a crowd. Prints TAP."""
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from served import served
from nodes import Stories

REQUEST = {"id": "7", "inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["weft", "纬线"]}]}
LOAD = 2000


def curl(node, path, *options):
    """(status, body) of one call."""
    done = subprocess.run(["curl", "-sS", "--max-time", "30", "-w", "\n%{http_code}", *options,
                           f"http://{node.address}{path}"], capture_output=True, check=True)
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


def head_of(node, path, *options):
    done = subprocess.run(["curl", "-sS", "--max-time", "30", "-D", "-", "-o", "/dev/null", *options,
                           f"http://{node.address}{path}"], capture_output=True, text=True, check=True)
    return done.stdout.lower()


def h2load(node, path, *options):
    done = subprocess.run(["h2load", "-n", str(LOAD), *options, f"http://{node.address}{path}"], capture_output=True,
                          text=True, timeout=120, check=True)
    return f"requests: {LOAD} total, {LOAD} started, {LOAD} done, {LOAD} succeeded, 0 failed, 0 errored" in done.stdout


def doors(stories, node):
    body = json.dumps(REQUEST)
    for version in ("--http1.1", "--http2-prior-knowledge", "--http2"):
        with stories.story(f"infer in JSON with {version}"):
            status, answer = curl(node, "/v2/models/twice/infer", version, "-d", body)
            answer = json.loads(answer)
            assert status == 200 and answer["id"] == "7" and answer["model_name"] == "twice", answer
            assert answer["outputs"][0]["data"] == ["weft", "纬线"], answer
    with stories.story("the paths of a browser answer: live, ready, metadata, lists, metrics"):
        for path in ("/v2/health/live", "/v2/health/ready", "/v2", "/v2/models/text", "/v2/models/text/versions/1",
                     "/v2/models/twice/ready", "/v1/nodes", "/v1/models", "/v1/pipelines", "/metrics"):
            status, answer = curl(node, path)
            assert status == 200, (path, status, answer)
    with stories.story("curl --compressed reads what was compressed"):
        large = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a" * 100000]}]})
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(large)
            file.flush()
            assert "content-encoding: gzip" in head_of(node, "/v2/models/text/infer", "-H", "Accept-Encoding: gzip",
                                                       "-d", f"@{file.name}")
            status, answer = curl(node, "/v2/models/text/infer", "--compressed", "-d", f"@{file.name}")
        assert status == 200 and json.loads(answer)["outputs"][0]["data"] == ["a" * 100000]
    with stories.story("a body in gzip, and one output in binary behind its JSON"):
        request = {**REQUEST, "outputs": [{"name": "text", "parameters": {"binary_data": True}}]}
        with tempfile.NamedTemporaryFile("wb", suffix=".gz") as file:
            file.write(gzip.compress(json.dumps(request).encode()))
            file.flush()
            options = ["-H", "Content-Encoding: gzip", "--data-binary", f"@{file.name}"]
            head = head_of(node, "/v2/models/text/infer", *options)
            status, answer = curl(node, "/v2/models/text/infer", *options)
        length = int(re.search("inference-header-content-length: (\\d+)", head).group(1))
        assert status == 200 and "application/octet-stream" in head, head
        assert json.loads(answer[:length])["id"] == "7", answer
        assert answer[length:] == b"\4\0\0\0weft\6\0\0\0" + "纬线".encode(), answer[length:]
    with stories.story("the bytes of the only input alone, and nothing but bytes back"):
        numbers = bytes(range(64))
        with tempfile.NamedTemporaryFile("wb") as file:
            file.write(numbers)
            file.flush()
            options = ["-H", "Inference-Header-Content-Length: 0", "--data-binary", f"@{file.name}"]
            status, answer = curl(node, "/v2/models/large/infer", *options)
        assert status == 200 and answer[-64:] == numbers, (status, answer[:200])
        status, answer = curl(node, "/v2/models/large/infer", "-H", "Inference-Header-Content-Length: 0", "-d", "abc")
        assert status == 400 and "error" in json.loads(answer), answer
    with stories.story("a traceparent goes in and its trace comes out"):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        head = head_of(node, "/v2/models/text/infer", "-H", f"traceparent: 00-{trace}-00f067aa0ba902b7-01", "-d", body)
        assert f"traceparent: 00-{trace}-" in head and "00f067aa0ba902b7" not in head, head
        assert trace in node.log_text()
    with stories.story("what is wrong is said as a problem document with the protocol's error member"):
        status, answer = curl(node, "/v2/models/txt/infer", "-d", body)
        problem = json.loads(answer)
        assert status == 404 and problem["status"] == 404 and "txt" in problem["error"] and problem["title"], problem
        assert "application/problem+json" in head_of(node, "/v2/models/txt/infer", "-d", body)
        status, _ = curl(node, "/v2/models/text/infer", "-X", "PUT", "-d", body)
        assert status == 405
        status, answer = curl(node, "/v2/models/text/infer", "-d", "{]")
        assert status == 400 and json.loads(answer)["error"], answer
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(body)
        file.flush()
        for words, options in (("HTTP/1.1", ["--h1", "-c", "8"]), ("HTTP/2", ["-c", "8", "-m", "32"])):
            with stories.story(f"h2load over {words}: every inference through both nodes succeeds"):
                assert h2load(node, "/v2/models/twice/infer", "-d", file.name, *options)


def main():
    stories = Stories()
    with served() as node:
        doors(stories, node)
    stories.end()


main()
