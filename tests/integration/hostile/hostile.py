#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the world may do to a node: floods of announcements, half requests, models that fail or hang, nodes that die.
After each, the node still serves. Prints TAP."""
import contextlib
import json
import pathlib
import resource
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

from frames import CLIENT, connect, data, head_block, headers
from nodes import Cluster, Stories, write_model

# A sanitizer marks each byte of a large buffer, a thousand times 200 MiB; that it ends is the point, not when.
PATIENCE_S = 180
CONNECTIONS = 1000
GIB = 1 << 30
# A request without a deadline of its own ends after 300 s, and a model that hangs after 60: whatever comes before this did
# not wait for them, however busy the machine is.
LONG_BEFORE_S = 40
# What a node may grow by for a thousand connections: some KiB each, and no part of what they announce.
GROWTH_MAX_BYTES = 64 << 20
PIPELINE = """pipeline: two
inputs:
  text: { datatype: BYTES, shape: [-1] }
steps:
  near: { model: text, inputs: { text: text } }
  far: { model: words, inputs: { text: near.text } }
outputs: { text: far.text }
"""


def text_request(text, parameters=None):
    return json.dumps({"parameters": parameters or {},
                       "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}]})


def ask(node, model="text", text="hello", parameters=None):
    """(status, the answer's text or the problem)."""
    status, _, body = node.request("POST", f"/v2/models/{model}/infer", text_request(text, parameters),
                                   {"Content-Type": "application/json"}, timeout=PATIENCE_S)
    answer = json.loads(body)
    return status, answer["outputs"][0]["data"][0] if status == 200 else answer


def serves(node):
    assert ask(node) == (200, "hello")


def grpc_announcing(size):
    """A ModelInfer whose message says that it is so long, and then nothing."""
    head = head_block(":method", "POST", ":scheme", "http", ":path", "/inference.GRPCInferenceService/ModelInfer",
                      ":authority", "x", "content-type", "application/grpc", "te", "trailers")
    return CLIENT + headers(1, head) + data(1, b"\x00" + struct.pack(">I", size))


def http_announcing(size):
    return (b"POST /v2/models/text/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n{" % size)


def http2_announcing(size):
    head = head_block(":method", "POST", ":scheme", "http", ":path", "/v2/models/text/infer", ":authority", "x",
                      "content-type", "application/json", "content-length", str(size))
    return CLIENT + headers(1, head) + data(1, b"{")


def flood(stories, node, words, opening):
    with stories.story(words):
        serves(node)
        before = node.resident_bytes()
        with contextlib.ExitStack() as stack:
            for _ in range(CONNECTIONS):
                stack.enter_context(connect(node)).sendall(opening)
            serves(node)
            grown = node.resident_bytes() - before
            print(f"# {words}: grew by {grown / 1024:.0f} KiB")
            assert grown < GROWTH_MAX_BYTES, grown
        serves(node)


def announcements(stories, node):
    for size, name in ((GIB, "1 GiB"), (200 << 20, "200 MiB")):
        flood(stories, node, f"a thousand gRPC calls announce {name} each and send nothing", grpc_announcing(size))
        flood(stories, node, f"a thousand HTTP requests announce {name} each and send nothing", http_announcing(size))
        flood(stories, node, f"a thousand HTTP/2 requests announce {name} each and send nothing", http2_announcing(size))


def peer_calls(first, count):
    """So many calls as a node of another name each, over at once."""
    opening = CLIENT
    for i in range(count):
        head = head_block(":method", "POST", ":scheme", "http", ":path", "/weft.v1.Peer/Connect", ":authority", "x",
                          "content-type", "application/grpc", "te", "trailers", "weft-node", f"ghost-{first + i}")
        opening += headers(2 * i + 1, head, end_stream=True)
    return opening


def invented_nodes(stories, node):
    with stories.story("names of nodes that were invented are forgotten, and a real node still finds room"):
        with contextlib.ExitStack() as stack:
            for first in range(0, 1100, 50):
                connection = stack.enter_context(connect(node))
                connection.sendall(peer_calls(first, 50))
                connection.recv(1)
                serves(node)
            wait_for(lambda: "ghost-" not in node.request("GET", "/metrics")[2].decode())
            assert node.request("GET", "/metrics")[2].decode().count('weft_peer_sent_bytes_total{peer="second"}') == 1
        serves(node)


def half_requests(stories, node):
    with stories.story("requests that are cut at any place leave the node serving"):
        whole = http_announcing(len(text_request("hello")))[:-1] + text_request("hello").encode()
        for cut in range(0, len(whole), 7):
            with connect(node) as connection:
                connection.sendall(whole[:cut])
        serves(node)
    with stories.story("noise instead of a protocol is answered or hung up on"):
        for noise in (b"\x00" * 4096, b"\xff" * 4096, b"GET", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
                      b"\x16\x03\x01\x02\x00" + b"\x01" * 200):
            with connect(node) as connection:
                connection.sendall(noise)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(20)
                while connection.recv(65536):
                    pass
        serves(node)


def bad_models(stories, node):
    with stories.story("a model that fails gives its reason, the step and the node"):
        status, problem = ask(node, parameters={"behave": "fail"})
        assert status == 400 and "the mirror was told to fail" in problem["error"], problem
        assert problem["node"] == "first" and problem["step"] == "text" and problem["attempt"] == 1, problem
        serves(node)
    with stories.story("a model that hangs ends with the deadline, and the node serves on"):
        # Triton's request parameter `timeout` is in microseconds.
        started = time.monotonic()
        status, problem = ask(node, parameters={"behave": "hang", "timeout": 300000})
        assert status == 504 and time.monotonic() - started < LONG_BEFORE_S, (status, problem)
        assert problem["step"] == "text" and problem["node"] == "first", problem
        serves(node)
    with stories.story("a client that leaves takes its request with it"):
        connection = connect(node)
        body = text_request("hello", {"behave": "hang"}).encode()
        connection.sendall(http_announcing(len(body))[:-1] + body)
        wait_for(lambda: node.metric("weft_requests_open") == 1)
        connection.close()
        wait_for(lambda: node.metric("weft_requests_open") == 0)
        serves(node)


def wait_for(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def lost_nodes(stories, cluster):
    first, second = cluster["first"], cluster["second"]
    with stories.story("a node that stands still before the pipeline's first request fails it by name as well"):
        second.process.send_signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            status, problem = ask(first, "two", parameters={"timeout": 500000})
            assert status == 504 and time.monotonic() - started < LONG_BEFORE_S, (status, problem)
            assert problem["node"] == "second" and problem["step"] == "far", problem
            assert 'node "second" had prepared its steps' in problem["error"], problem
            serves(first)
        finally:
            second.process.send_signal(signal.SIGCONT)
    with stories.story("the pipeline works over two nodes"):
        wait_for(lambda: ask(first, "two") == (200, "hello"), 30)
    with stories.story("a node that stands still fails a request by name, when its deadline passes"):
        second.process.send_signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            status, problem = ask(first, "two", parameters={"timeout": 500000})
            assert status == 504 and time.monotonic() - started < LONG_BEFORE_S, (status, problem)
            assert problem["node"] == "second" and problem["step"] == "far", problem
            serves(first)
        finally:
            second.process.send_signal(signal.SIGCONT)
        wait_for(lambda: ask(first, "two") == (200, "hello"), 30)
    with stories.story("a node that dies under a request fails it by name, at once"):
        answers = []
        hanging = threading.Thread(target=lambda: answers.append(ask(first, "words", parameters={"behave": "hang"})))
        hanging.start()
        wait_for(lambda: first.metric("weft_requests_open") == 1)
        second.kill()
        killed = time.monotonic()
        hanging.join(LONG_BEFORE_S)
        assert answers and time.monotonic() - killed < LONG_BEFORE_S, answers
        status, problem = answers[0]
        assert status == 503 and problem["node"] == "second" and problem["step"] == "words", problem
    with stories.story("afterwards a request that needs it is refused by what is missing, and others work"):
        status, problem = ask(first, "two")
        assert status in (404, 503) and "words" in problem["error"], (status, problem)
        serves(first)


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    stories = Stories()
    with tempfile.TemporaryDirectory(prefix="weft-hostile-") as directory:
        first, second = pathlib.Path(directory, "first"), pathlib.Path(directory, "second")
        texts = [("text", "STRING", [-1])]
        write_model(first, "text", "mirror", texts, texts, "instance_group [ { count: 2 } ]\n")
        write_model(second, "words", "mirror", texts, texts)
        pipelines = pathlib.Path(directory, "two.yaml")
        pipelines.write_text(PIPELINE)
        with Cluster(first={"models": first, "pipelines": pipelines}, second={"models": second}) as cluster:
            cluster["first"].wait_until_ready("/v2/models/two/ready")
            announcements(stories, cluster["first"])
            half_requests(stories, cluster["first"])
            invented_nodes(stories, cluster["first"])
            bad_models(stories, cluster["first"])
            lost_nodes(stories, cluster)
    stories.end()


main()
