#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What large and slow requests, and slow readers, cost the others, over REST and gRPC: oip_large.py DOOR. The door may hold
1 MiB, and says its metrics."""
import gzip
import http.client
import json
import os
import socket
import subprocess
import tempfile
import zlib

import grpc
from inference import grpc_service_pb2 as oip

import town

SERVICE = "/inference.GRPCInferenceService/"
SLOW = "/v2/models/slow/infer"
RAW = {"Inference-Header-Content-Length": "0"}
KiB = 1024


def held(door):
    text = door.call("GET", "/metrics")[2].decode()
    return int(float(text.split("\nweft_held_bytes ")[1].split()[0]))


def running(door):
    return int(door.call("GET", "/test/running")[2])


def send(door, path, body, headers=None):
    """A request whose answer nobody waits for yet."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    connection.request("POST", path, body, headers or {})
    return connection


def floats(count, **more):
    data = [i / 8 for i in range(count)]
    return json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [count // 2, 2], "data": data}],
                       **more}).encode()


def message(size, **more):
    request = oip.ModelInferRequest(model_name="slow", **more)
    request.inputs.add(name="in", datatype="UINT8", shape=[size])
    request.raw_input_contents.append(bytes(size))
    return request


def full(answer):
    status, _, body = answer
    assert status == 429 and "no room" in json.dumps(body), answer
    assert "1048576" in json.dumps(body), answer


# --- the memory of open requests ---


def it_is_made_ready(door):
    door.call("POST", "/test/ready/on")
    town.wait_for(lambda: door.call("GET", "/v2/models/echo/ready")[0] == 200)
    assert held(door) == 0


def open_requests_hold_no_more_than_the_limit(door):
    first = send(door, SLOW, bytes(600 * KiB), RAW)
    town.wait_for(lambda: running(door) == 1)
    assert 600 * KiB <= held(door) < 610 * KiB, held(door)
    # What has room is let in, what has none is told so.
    assert door.json("POST", "/v2/models/echo/infer", floats(64))[0] == 200
    full(door.json("POST", SLOW, bytes(600 * KiB), RAW))
    assert running(door) == 1
    # Its end makes room again, and only once.
    first.close()
    town.wait_for(lambda: held(door) == 0)
    second = send(door, SLOW, bytes(600 * KiB), RAW)
    town.wait_for(lambda: running(door) == 1)
    second.close()
    town.wait_for(lambda: held(door) == 0 and running(door) == 0)


def what_is_decoded_counts_as_well(door):
    first = send(door, SLOW, bytes(800 * KiB), RAW)
    town.wait_for(lambda: running(door) == 1)
    body = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [30000, 2], "data": [1] * 60000}]},
                      separators=(",", ":")).encode()
    assert len(body) < 220 * KiB < len(body) + 240000
    full(door.json("POST", "/v2/models/echo/infer", body))
    full(door.json("POST", "/v2/models/echo/infer", gzip.compress(body), {"Content-Encoding": "gzip"}))
    assert 800 * KiB <= held(door) < 810 * KiB, held(door)
    first.close()
    town.wait_for(lambda: held(door) == 0)
    assert door.json("POST", "/v2/models/echo/infer", body)[0] == 200


def one_request_alone_is_always_let_in(door):
    first = send(door, SLOW, bytes(3 * 1024 * KiB), RAW)
    town.wait_for(lambda: running(door) == 1)
    full(door.json("POST", "/v2/models/echo/infer", floats(2)))
    first.close()
    town.wait_for(lambda: held(door) == 0)


def calls_over_grpc_count_alike(door):
    with grpc.insecure_channel(door.address) as channel:
        unary = channel.unary_unary(SERVICE + "ModelInfer", oip.ModelInferRequest.SerializeToString,
                                    oip.ModelInferResponse.FromString)
        first = unary.future(message(600 * KiB), timeout=30)
        town.wait_for(lambda: running(door) == 1)
        assert 600 * KiB <= held(door) < 610 * KiB, held(door)
        refused = unary.future(message(600 * KiB), timeout=30).exception()
        assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "no room" in refused.details()
        stream = channel.stream_stream(SERVICE + "ModelStreamInfer", oip.ModelInferRequest.SerializeToString,
                                       oip.ModelStreamInferResponse.FromString)
        answer = next(stream(iter([message(600 * KiB, id="s")]), timeout=30))
        assert "no room" in answer.error_message and answer.infer_response.id == "s", answer
        first.cancel()
        town.wait_for(lambda: held(door) == 0)
        second = stream(iter([message(600 * KiB)]), timeout=30)
        town.wait_for(lambda: running(door) == 1)
        full(door.json("POST", SLOW, bytes(600 * KiB), RAW))
        second.cancel()
        town.wait_for(lambda: held(door) == 0 and running(door) == 0)


def unpacked(door, packed):
    """What the node says to a message that is gzip as it stands here, which a proper client would not send."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"\1" + len(packed).to_bytes(4, "big") + packed)
        body.flush()
        fields = ("Content-Type: application/grpc", "TE: trailers", "grpc-encoding: gzip")
        return subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-D", "-", "-o", "/dev/null", "--data-binary",
                               f"@{body.name}", *(word for field in fields for word in ("-H", field)),
                               f"http://{door.address}{SERVICE}ModelInfer"],
                              capture_output=True, text=True, timeout=60, check=True).stdout.lower()


def packed_messages_count_as_what_they_will_be(door):
    plain = message(32 * KiB * KiB).SerializeToString()
    with grpc.insecure_channel(door.address) as channel:
        infer = channel.unary_unary(SERVICE + "ModelInfer")
        # One alone may be larger than all the room there is; the others are refused before they are made.
        calls = [infer.future(plain, timeout=60, compression=grpc.Compression.Gzip) for _ in range(8)]
        town.wait_for(lambda: running(door) == 1 and sum(call.done() for call in calls) == 7, 60)
        assert 32 * KiB * KiB <= held(door) < 32 * KiB * KiB + 10 * KiB, held(door)
        errors = [call.exception() for call in calls if call.done()]
        for error in errors:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "no room" in error.details(), error
        for call in calls:
            call.cancel()
        town.wait_for(lambda: held(door) == 0 and running(door) == 0)
    assert door.json("POST", "/v2/models/echo/infer", floats(64))[0] == 200


def a_packed_message_that_lies_about_its_size_is_refused(door):
    packed = gzip.compress(message(8 * KiB * KiB).SerializeToString())
    for told, status in ((300 * KiB, "3"), (9 * KiB * KiB, "13")):
        answer = unpacked(door, packed[:-4] + told.to_bytes(4, "little"))
        assert f"grpc-status: {status}\n" in answer, answer
        town.wait_for(lambda: held(door) == 0)
    assert "trailer" in unpacked(door, packed[:-4] + bytes(4))
    town.wait_for(lambda: held(door) == 0 and running(door) == 0)


def coded_bodies_count_as_what_they_will_be(door):
    for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        body = pack(os.urandom(256 * KiB) + bytes(32 * KiB * KiB))
        fields = {"Content-Encoding": coding, **RAW}
        doors = [send(door, SLOW, body, fields) for _ in range(6)]
        town.wait_for(lambda: running(door) == 1)
        refused = 0
        for connection in doors:
            connection.sock.settimeout(1)
            try:
                answer = connection.getresponse()
                full((answer.status, None, json.loads(answer.read())))
                refused += 1
            except TimeoutError:
                assert 32 * KiB * KiB <= held(door) < 33 * KiB * KiB, held(door)
        assert refused == 5, refused
        for connection in doors:
            connection.close()
        town.wait_for(lambda: held(door) == 0 and running(door) == 0)
    packed = gzip.compress(os.urandom(8 * KiB) + bytes(600 * KiB))[:-4] + (300 * KiB).to_bytes(4, "little")
    status, _, answer = door.json("POST", SLOW, packed, {"Content-Encoding": "gzip", **RAW})
    assert status == 413 and "307200" in json.dumps(answer), answer
    assert held(door) == 0 and running(door) == 0


# --- the memory of answers ---


def ended_well(door):
    text = door.call("GET", "/metrics")[2].decode()
    series = '\nweft_http_requests_total{method="POST",route="/v2/models/{model}/infer",code="200"} '
    return int(float(text.split(series)[1].split()[0])) if series in text else 0


def slow_reader(door, size):
    """A client of echo that reads nothing of its answer; returns when the answer is under way."""
    before = ended_well(door)
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.settimeout(60)
    plug.connect(("127.0.0.1", door.port))
    head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [size // 8, 2],
                                   "parameters": {"binary_data_size": size}}],
                       "parameters": {"binary_data_output": True}}).encode()
    plug.sendall(b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: %d\r\n"
                 b"Content-Length: %d\r\n\r\n" % (len(head), len(head) + size) + head + bytes(size))
    town.wait_for(lambda: ended_well(door) == before + 1)
    return plug


def answers_count_until_they_are_read(door):
    size = 16 * 1024 * KiB  # more than the kernel takes for a reader
    plug = slow_reader(door, size)
    assert size <= held(door) < size + 10 * KiB, held(door)
    full(door.json("POST", "/v2/models/echo/infer", floats(2)))
    answer = http.client.HTTPResponse(plug)
    answer.begin()
    assert answer.status == 200 and answer.read()[-size - 8:-8] == bytes(size)
    plug.close()
    town.wait_for(lambda: held(door) == 0)
    # One that leaves without having read takes its answer along.
    plug = slow_reader(door, size)
    assert held(door) >= size
    plug.close()
    town.wait_for(lambda: held(door) == 0)
    assert door.json("POST", "/v2/models/echo/infer", floats(64))[0] == 200


def answers_of_a_stream_count_until_they_are_read(door):
    size = 4 * 1024 * KiB
    request = oip.ModelInferRequest(model_name="echo", id="a")
    request.inputs.add(name="x", datatype="FP32", shape=[size // 8, 2])
    request.raw_input_contents.append(bytes(size))
    with grpc.insecure_channel(door.address, options=[("grpc.max_receive_message_length", -1),
                                                      ("grpc.http2.bdp_probe", 0)]) as channel:
        stream = channel.stream_stream(SERVICE + "ModelStreamInfer", oip.ModelInferRequest.SerializeToString,
                                       oip.ModelStreamInferResponse.FromString)
        answers = stream(iter([request]), timeout=60)
        town.wait_for(lambda: running(door) == 0 and size <= held(door) < size + 10 * KiB)
        full(door.json("POST", "/v2/models/echo/infer", floats(2)))
        assert next(answers).infer_response.raw_output_contents[0] == bytes(size)
        town.wait_for(lambda: held(door) == 0)


def an_answer_without_room_is_refused(door):
    first = send(door, SLOW, bytes(1014 * KiB), RAW)
    town.wait_for(lambda: running(door) == 1)
    before = held(door)
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        status, got, body = door.call("POST", "/v2/models/zeroes/infer", b"0", {**RAW, **headers})
        if headers:  # made small, it has room
            assert status == 200 and got["content-encoding"] == "gzip", (status, got)
        else:
            full((status, None, json.loads(body)))
            assert "request's answer" in json.loads(body)["error"], body
    small = oip.ModelInferRequest(model_name="zeroes", id="z")
    small.inputs.add(name="in", datatype="UINT8", shape=[1])
    small.raw_input_contents.append(b"0")
    with grpc.insecure_channel(door.address) as channel:
        unary = channel.unary_unary(SERVICE + "ModelInfer", oip.ModelInferRequest.SerializeToString,
                                    oip.ModelInferResponse.FromString)
        refused = unary.future(small, timeout=30).exception()
        assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "answer" in refused.details(), refused
        assert len(unary(small, timeout=30, compression=grpc.Compression.Gzip).raw_output_contents[0]) == 20000
        stream = channel.stream_stream(SERVICE + "ModelStreamInfer", oip.ModelInferRequest.SerializeToString,
                                       oip.ModelStreamInferResponse.FromString)
        answers = list(stream(iter([small]), timeout=30))
        assert len(answers) == 1 and "request's answer" in answers[0].error_message, answers
        assert answers[0].infer_response.id == "z"
    assert held(door) == before, (held(door), before)
    first.close()
    town.wait_for(lambda: held(door) == 0)
    assert door.call("POST", "/v2/models/zeroes/infer", b"0", RAW)[0] == 200


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__module__", "") == "__main__" and
           value.__name__ not in ("held", "running", "send", "floats", "message", "full", "ended_well", "slow_reader",
                                  "unpacked")]
os.environ["WEFT_DOOR_HELD_BYTES"] = str(1024 * KiB)
town.main(STORIES)
