#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a hostile client may send: floods of frames, heads without end, bodies that mean something else to somebody else,
JSON and protobuf that are legal and absurd. Each has a stated answer or is hung up on, the node serves on, and its memory
stays. Prints TAP."""
import contextlib
import gzip
import http.client
import json
import pathlib
import shutil
import socket
import struct
import sys
import tempfile
import time
import zlib

sys.dont_write_bytecode = True

from frames import CLIENT, connect, continuation, data, frame, head_block, headers, literal, rst, settings
from nodes import REPOSITORY, Node, Stories, write_model

INFER = "/v2/models/text/infer"
GRPC_INFER = "/inference.GRPCInferenceService/ModelInfer"
JSON = {"Content-Type": "application/json"}
# What a node may grow by for any of it.
GROWTH_MAX_BYTES = 64 << 20
MiB = 1 << 20


def text_request(text):
    return json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}]})


def serves(node):
    status, _, body = node.request("POST", INFER, text_request("hello"), JSON)
    assert status == 200 and json.loads(body)["outputs"][0]["data"] == ["hello"], (status, body)


@contextlib.contextmanager
def story(stories, node, words):
    """The node serves afterwards, and has not grown."""
    with stories.story(words):
        before = node.resident_bytes()
        yield
        serves(node)
        grown = node.resident_bytes() - before
        print(f"# grew by {grown / 1024:.0f} KiB")
        assert grown < GROWTH_MAX_BYTES, grown


def wait_for(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def push(connection, chunk, times):
    """Sends it so often; True where the node hung up or refused before all was taken."""
    connection.settimeout(20)
    try:
        for _ in range(times):
            connection.sendall(chunk)
        return False
    except OSError:
        return True


def drain(connection, seconds=20):
    """All that comes until the node hangs up; None where it does not within the time."""
    connection.settimeout(seconds)
    got = b""
    try:
        while part := connection.recv(65536):
            got += part
    except ConnectionError:
        pass
    except TimeoutError:
        return None
    return got


def raw(node, data_bytes):
    """What the node answers to bytes after which the client says no more."""
    with connect(node) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data_bytes)
            connection.shutdown(socket.SHUT_WR)
        return drain(connection)


# --- HTTP/2 ---


def frame_floods(stories, node):
    def flooded(words, chunk, times, opening=CLIENT):
        with story(stories, node, words):
            with connect(node) as connection:
                connection.sendall(opening)
                hung_up = push(connection, chunk, times)
                serves(node)
                print(f"# hung up: {hung_up}")

    get = head_block(":method", "GET", ":scheme", "http", ":path", "/v2/health/live", ":authority", "x")
    flooded("SETTINGS without end", settings((3, 100)) * 1000, 200)
    flooded("PING without end, their answers unread", frame(6, 0, 0, bytes(8)) * 1000, 200)
    flooded("PRIORITY without end", frame(2, 0, 1, struct.pack(">IB", 0, 1)) * 1000, 100)
    flooded("WINDOW_UPDATE without end", frame(8, 0, 0, struct.pack(">I", 1)) * 1000, 100)
    flooded("empty DATA without end", data(1, b"") * 1000, 200,
            CLIENT + headers(1, head_block(":method", "POST", ":scheme", "http", ":path", INFER, ":authority", "x")))
    flooded("frames of an unknown kind without end", frame(0xbe, 0, 0, bytes(100)) * 1000, 100)
    flooded("a head that goes on in CONTINUATION without end", continuation(1, literal("x", "y" * 100) * 100) * 10, 500,
            CLIENT + headers(1, get, end_headers=False))
    flooded("empty CONTINUATION without end", continuation(1, b"") * 1000, 200,
            CLIENT + headers(1, get, end_headers=False))
    with story(stories, node, "streams that are reset as soon as they are opened"):
        block = head_block(":method", "POST", ":scheme", "http", ":path", GRPC_INFER, ":authority", "x",
                           "content-type", "application/grpc", "te", "trailers")
        with connect(node) as connection:
            connection.sendall(CLIENT)
            for first in range(1, 200001, 2000):
                burst = b"".join(headers(stream, block) + rst(stream) for stream in range(first, first + 2000, 2))
                if push(connection, burst, 1):
                    break
            serves(node)
            wait_for(lambda: node.metric("weft_requests_open") == 0)
    with story(stories, node, "streams that are opened without end and never ended"):
        block = head_block(":method", "POST", ":scheme", "http", ":path", INFER, ":authority", "x",
                           "content-length", str(1 << 30))
        with connect(node) as connection:
            connection.sendall(CLIENT)
            push(connection, b"".join(headers(stream, block) for stream in range(1, 20001, 2)), 1)
            serves(node)


def small_heads_that_grow(stories, node):
    with story(stories, node, "a field that is indexed once and named ten thousand times"):
        # RFC 7541 section 6.2.1: put into the table; then one byte each.
        value = b"v" * 3000
        entry = b"\x40\x01x" + b"\x7f" + bytes([0x80 | (len(value) - 127) & 127, (len(value) - 127) >> 7]) + value
        block = head_block(":method", "GET", ":scheme", "http", ":path", "/v2/health/live", ":authority", "x")
        with connect(node) as connection:
            connection.sendall(CLIENT + headers(1, block + entry + b"\xbe" * 10000, end_stream=True))
            serves(node)
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                connection = stack.enter_context(connect(node))
                push(connection, CLIENT + headers(1, block + entry + b"\xbe" * 10000, end_stream=True), 1)
            serves(node)


# --- gRPC ---


def grpc_answer(node, body, *more, end_stream=True, path=GRPC_INFER, content_type="application/grpc"):
    """All the bytes that a call with this body gets."""
    block = head_block(":method", "POST", ":scheme", "http", ":path", path, ":authority", "x",
                       "content-type", content_type, "te", "trailers", *more)
    return raw(node, CLIENT + headers(1, block) + data(1, body, end_stream=end_stream))


def grpc_framing(stories, node):
    with story(stories, node, "messages that are framed wrongly end their call"):
        for body, more in ((b"\x01\0\0\0\x01x", ()), (b"\x02\0\0\0\0", ()), (b"\x00\0\0\0\x05abc", ()),
                           (b"\x00\0\0\0\x01abcdefgh", ()), (b"", ()), (b"\0\0", ()),
                           (b"\x01\0\0\0\x04zzzz", ("grpc-encoding", "gzip")), (b"\0\0\0\0\0", ("grpc-encoding", "lzma")),
                           (b"\0\xff\xff\xff\xff", ()), (b"\0\0\0\0\0" * 1000, ()),
                           (b"\0\0\0\0\0", ("grpc-timeout", "soon")), (b"\0\0\0\0\0", ("content-length", "77"))):
            answer = grpc_answer(node, body, *more)
            assert answer is not None, (body[:20], more)
            serves(node)
        answer = grpc_answer(node, b"\0\0\0\0\0", content_type="application/grpcx")
        assert answer is not None
    with story(stories, node, "twenty gzip bombs that come in part"):
        bomb = gzip.compress(bytes(400 * MiB), 1)
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                connection = stack.enter_context(connect(node))
                block = head_block(":method", "POST", ":scheme", "http", ":path", GRPC_INFER, ":authority", "x",
                                   "content-type", "application/grpc", "te", "trailers", "grpc-encoding", "gzip")
                body = b"\x01" + struct.pack(">I", len(bomb)) + bomb
                parts = b"".join(data(1, body[i:i + 16384]) for i in range(0, 60000, 16384))
                connection.sendall(CLIENT + headers(1, block) + parts)
            serves(node)


# --- HTTP/1.1 ---


def heads(stories, node):
    with story(stories, node, "heads that never end are hung up on, and hold up nobody"):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(connect(node)) for _ in range(200)]
            for connection in slow:
                connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n")
            started = time.monotonic()
            for _ in range(5):
                serves(node)
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"X: y\r\n")
            # 10 s by default, drips or not.
            for connection in slow:
                answer = drain(connection, 60)
                assert answer is not None and answer.startswith(b"HTTP/1.1 408 "), answer
            print(f"# after {time.monotonic() - started:.1f} s")
    with story(stories, node, "more header fields than anybody needs"):
        for head in (b"X: y\r\n" * 100000, b"X: " + b"y" * 10 * MiB, b"X" * 10 * MiB):
            answer = raw(node, b"GET /v2 HTTP/1.1\r\nHost: x\r\n" + head)
            assert answer is not None and (answer == b"" or answer.startswith(b"HTTP/1.1 4")), answer[:100]
    with story(stories, node, "requests that one may read as two are refused"):
        for ambiguous in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                          b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
                          b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
                          b"Content-Length: +4\r\n\r\nabcd", b"Content-Length: 4, 4\r\n\r\nabcd",
                          b"Content-Length : 4\r\n\r\nabcd", b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                          b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
                          b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n", b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n"):
            answer = raw(node, b"POST %s HTTP/1.1\r\nHost: x\r\n" % INFER.encode() + ambiguous +
                         b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            status = int(answer[9:12])
            assert status in (400, 501) and answer.count(b"HTTP/1.1 ") == 1, answer
    with story(stories, node, "ten thousand requests in one breath are answered in order"):
        with connect(node) as connection:
            connection.settimeout(60)
            half = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 50
            got = b""
            for i in range(100):
                connection.sendall(half)
                while got.count(b"HTTP/1.1 200 ") < 50 * (i + 1):
                    got += connection.recv(65536)
        answer = raw(node, (b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 500))
        assert answer.count(b"HTTP/1.1 200 ") == 500, answer.count(b"HTTP/1.1 200 ")


# --- what is in the bodies ---


def absurd_json(stories, node):
    def answered(body, *statuses, headers=None):
        status, got, answer = node.request("POST", INFER, body, {**JSON, **(headers or {})})
        assert status in statuses, (body[:80], status, answer[:300])
        if status >= 400:
            assert got["content-type"] == "application/problem+json" and json.loads(answer)["error"], answer
        return answer

    def one(**changes):
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["x"], **changes}
        return json.dumps({"inputs": [{k: v for k, v in tensor.items() if v is not ...}]})

    with story(stories, node, "JSON that is legal and absurd, or nearly JSON, is refused"):
        for body in ("[" * 100000, '{"inputs":' + "[" * 100000, '{"a":' * 100000, "[" * 50000 + "]" * 50000, "null", "[]", '""', "1",
                     "{", '{"inputs":[]}', '{"inputs":{}}', '{"inputs":[1]}', '{"inputs":[[]]}', '{"inputs":null}', "\ufeff{}",
                     '{"inputs":[{"name":"text","name":"text","datatype":"BYTES","shape":[1],"data":["x"]}]}',
                     '{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["x"]}],"inputs":[]}',
                     '{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["\\ud800"]}]}',
                     '{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["x"],}]}',
                     one(shape=[-1]), one(shape=[-(2**63)]), one(shape=[2**63]), one(shape=[2**64]), one(shape=[1.5]),
                     one(shape=[1e300]), one(shape=["1"]), one(shape="1"), one(shape=[[1]]), one(shape=None),
                     one(shape=[2**62, 2**62]), one(shape=[2**32, 2**32, 0]), one(shape=[1] * 1000), one(shape=...),
                     one(data=...), one(data=None), one(data=[1]), one(data=[None]), one(data=["x", "y"]), one(data="x"),
                     one(datatype="FP32"), one(datatype="STRING"), one(datatype=7), one(datatype="BYTES\0"), one(name=""),
                     one(name="none"), one(name=None), one(parameters=[]), one(parameters={"a": {"b": 1}}),
                     one(parameters={"a": [1]}), one(parameters={"binary_data_size": 5}),
                     one(parameters={"binary_data_size": -5}), one(parameters={"binary_data_size": "5"}),
                     json.dumps({"inputs": [{"name": f"t{i}", "datatype": "BYTES", "shape": [0], "data": []}
                                            for i in range(30000)]}),
                     json.dumps({**json.loads(one()), "outputs": [{"name": "text"}] * 30000}),
                     json.dumps({**json.loads(one()), "parameters": {f"p{i}": 1 for i in range(30000)}})):
            answered(body.encode(), 400, 413, 429)
        for noise in (b"\xff\xfe", one().encode().replace(b'"x"', b'"\xff"'), one().encode().replace(b'"text"', b'"\xc0\xaf"'),
                      b"\0" * 1000, one().encode() + b"\0", one().encode() + b"{}"):
            answered(noise, 400)
        for number in ("NaN", "Infinity", "-Infinity", "1e999", "0x1", "01", "1.", ".5", "+1", "1" * 100000):
            answered(one(shape=["@"]).replace('"@"', number).encode(), 400)
    with story(stories, node, "what is small and odd is taken as it is"):
        assert json.loads(answered(one(shape=[0], data=[]).encode(), 200))["outputs"][0]["data"] == []
        assert json.loads(answered(one(data=["\0\u20ac"]).encode(), 200))["outputs"][0]["data"] == ["\0\u20ac"]
        answered(one().encode(), 200, headers={"Content-Type": "text/html"})
        answered(one().encode(), 415, headers={"Content-Encoding": "br"})
    with story(stories, node, "lists of texts whose lengths lie are refused"):
        def binary(shape, payload):
            head = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": shape,
                                           "parameters": {"binary_data_size": len(payload)}}]}).encode()
            return head + payload, {"Inference-Header-Content-Length": str(len(head))}

        for shape, payload in (([1], b"\xff\xff\xff\xff"), ([1], b"\x05\0\0\0abcd"), ([1], b"\x03\0\0\0abcd"),
                               ([2], b"\x04\0\0\0abcd"), ([1], b"\x04\0\0"), ([0], b"\x04\0\0\0abcd"), ([1], b""),
                               ([2**40], b"\0\0\0\0" * 1000), ([1], b"\xff\xff\xff\x7f" + bytes(1000))):
            body, more = binary(shape, payload)
            answered(body, 400, headers=more)
    with story(stories, node, "bodies that grow a thousandfold are cut off"):
        bomb = gzip.compress(bytes(300 * MiB), 1)
        answered(bomb, 413, headers={"Content-Encoding": "gzip"})
        answered(gzip.compress(gzip.compress(one().encode())), 400, headers={"Content-Encoding": "gzip"})


def pictures_that_are_none(stories, node):
    def decode(picture):
        head = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                       "parameters": {"binary_data_size": len(picture) + 4}}]}).encode()
        body = head + struct.pack("<I", len(picture)) + picture
        status, _, answer = node.request("POST", "/v2/models/image_decode/infer", body,
                                         {"Inference-Header-Content-Length": str(len(head))})
        return status, answer

    def chunk(kind, payload):
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    def png(width, height, rows):
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

    with story(stories, node, "pictures that are none are refused by the step that was to read them"):
        whole = png(2, 2, bytes(14))
        assert decode(whole)[0] == 200
        for picture in (b"", b"GIF89a", b"\xff\xd8\xff\xe0" + bytes(1000), b"\xff\xd8\xff", whole[:20], whole[:-20], whole[8:],
                        whole.replace(b"IDAT", b"IDAX"), png(0, 2, b""), png(60000, 60000, bytes(1000)),
                        png(2**31 - 1, 2**31 - 1, bytes(1000)), png(2**32 - 1, 1, b""), bytes(range(256)) * 1000):
            status, answer = decode(picture)
            problem = json.loads(answer)
            assert status in (400, 413, 429) and problem["step"] == "image_decode", (picture[:40], status, problem)


def main():
    stories = Stories()
    with tempfile.TemporaryDirectory(prefix="weft-floods-") as directory:
        texts = [("text", "STRING", [-1])]
        write_model(pathlib.Path(directory), "text", "mirror", texts, texts)
        shutil.copytree(REPOSITORY / "image_decode", pathlib.Path(directory, "image_decode"))
        pathlib.Path(directory, "image_decode", "1").mkdir(exist_ok=True)
        with Node("only", models=directory) as node:
            node.wait_until_ready()
            serves(node)
            frame_floods(stories, node)
            small_heads_that_grow(stories, node)
            grpc_framing(stories, node)
            heads(stories, node)
            absurd_json(stories, node)
            pictures_that_are_none(stories, node)
            if stories.failed:
                node.show_log()
    stories.end()


main()
