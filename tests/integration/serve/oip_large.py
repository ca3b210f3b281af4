#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What large and slow requests cost the others, over REST and gRPC: oip_large.py DOOR. The door may hold 1 MiB of inputs,
and says its metrics."""
import gzip
import http.client
import json
import os

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


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__module__", "") == "__main__" and
           value.__name__ not in ("held", "running", "send", "floats", "message", "full")]
os.environ["WEFT_DOOR_HELD_BYTES"] = str(1024 * KiB)
town.main(STORIES)
