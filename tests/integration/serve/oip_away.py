#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is large to decode or to encode leaves the loop's thread, which still answers the others, over REST and gRPC:
oip_away.py DOOR. The door's executor has one thread."""
import gzip
import http.client
import json
import pathlib
import random
import select
import struct
import subprocess
import tempfile

import grpc
from inference import grpc_service_pb2 as oip

import town

ECHO = "/v2/models/echo/infer"
LARGE = 400000
MiB = 1024 * 1024
INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


def number(door, path):
    return int(door.call("GET", path)[2])


def metric(door, series):
    text = door.call("GET", "/metrics")[2].decode()
    return float(text.split(f"\n{series} ")[1].split()[0]) if f"\n{series} " in text else 0


def send(door, body, headers=None):
    """A request whose answer nobody waits for yet."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    connection.request("POST", ECHO, body, headers or {})
    return connection


def floats(count, **more):
    data = [i / 8 for i in range(count)]
    return json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [count // 2, 2], "data": data}],
                       **more}).encode()


# --- gRPC: messages as bytes, since Python's protobuf takes longer to write large ones than a node to read them ---


def varint(number):
    more = b""
    while number > 127:
        more += bytes([number & 127 | 128])
        number >>= 7
    return more + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def typed(size, model="zeroes", last=b"", **more):
    """A request whose tensor of UINT8 is in uint_contents, element by element."""
    contents = field(5, field(4, bytes(size - len(last)) + last))
    request = oip.ModelInferRequest(model_name=model, **more)
    return request.SerializeToString() + field(5, field(1, b"in") + field(2, b"UINT8") + field(3, varint(size)) + contents)


def raw(size, **more):
    request = oip.ModelInferRequest(model_name="zeroes", **more)
    request.inputs.add(name="in", datatype="UINT8", shape=[size])
    return request.SerializeToString() + field(7, bytes(size))


def texts(count):
    request = oip.ModelInferRequest(model_name="words")
    request.inputs.add(name="in", datatype="BYTES", shape=[count])
    return request.SerializeToString() + field(7, bytes(4) * count)


def floats_raw(count):
    request = oip.ModelInferRequest(model_name="echo", id="back")
    request.inputs.add(name="x", datatype="FP32", shape=[count // 2, 2])
    generator = random.Random(7)
    data = struct.pack(f"<{count}f", *(generator.randrange(256) for _ in range(count)))
    return request.SerializeToString() + field(7, data), data


def dial(door):
    return grpc.insecure_channel(door.address, options=[("grpc.max_receive_message_length", -1),
                                                        ("grpc.max_send_message_length", -1)])


def calls(door):
    """(the channel, ModelInfer from bytes to an answer)."""
    channel = dial(door)
    return channel, channel.unary_unary(INFER, response_deserializer=oip.ModelInferResponse.FromString)


def seen_away(door, over):
    """Whether the executor was seen at work before it was over."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    try:
        while True:
            ended = over()
            connection.request("GET", "/test/busy")
            if int(connection.getresponse().read()) == 1:
                return True
            if ended:
                return False
    finally:
        connection.close()


def it_is_made_ready(door):
    door.call("POST", "/test/ready/on")
    town.wait_for(lambda: door.call("GET", "/v2/models/echo/ready")[0] == 200)


def others_are_answered_while_a_large_body_is_decoded(door):
    body = floats(LARGE)
    for _ in range(5):  # a slow machine may ask too late
        large = send(door, body)
        town.wait_for(lambda: number(door, "/test/busy") == 1)
        assert door.call("GET", "/v2/health/live")[0] == 200
        first = not select.select([large.sock], [], [], 0)[0] and number(door, "/test/busy") == 1
        answer = large.getresponse()
        assert answer.status == 200 and len(json.loads(answer.read())["outputs"][0]["data"]) == LARGE
        large.close()
        if first:
            return
    raise AssertionError("the large request was always answered first")


def large_answers_are_what_small_ones_would_be(door):
    body = floats(80000, id="large", parameters={"timeout": 20000000})
    data = json.loads(body)["inputs"][0]["data"]
    packed = gzip.compress(body)
    for sent, headers in ((body, {}), (packed, {"Content-Encoding": "gzip"})):
        status, got, answer = door.call("POST", "/v2/models/echo/versions/1/infer", sent,
                                        {**headers, "Accept-Encoding": "gzip"})
        assert status == 200 and got["content-encoding"] == "gzip" and got["vary"] == "accept-encoding", got
        answer = json.loads(gzip.decompress(answer))
        assert (answer["id"], answer["model_version"], answer["model_name"]) == ("large", "1", "echo")
        assert answer["outputs"][0]["data"] == data and answer["outputs"][1]["data"] == [80000]
    status, got, answer = door.call("POST", ECHO, floats(80000, outputs=[
        {"name": "count"}, {"name": "y", "parameters": {"binary_data": True}}]), {"Accept-Encoding": "gzip"})
    head = int(got["inference-header-content-length"])
    answer = gzip.decompress(answer)
    assert status == 200 and len(answer) - head == 320000, got
    assert json.loads(answer[:head])["outputs"][0]["data"] == [80000]
    pairs = bytes(400000)
    status, _, answer = door.call("POST", "/v2/models/echo/infer", gzip.compress(pairs), {
        "Content-Encoding": "gzip", "Inference-Header-Content-Length": "0"})
    assert status == 200 and answer[-len(pairs) - 8:-8] == pairs  # behind it, the count


def large_mistakes_are_told_as_small_ones(door):
    body = floats(80000)
    for path, sent, headers, status, words in (
            (ECHO, body[:-5], {}, 400, "JSON"),
            (ECHO, body.replace(b'"x"', b'"z"'), {}, 400, "x"),
            (ECHO, body[:-5], {"Content-Encoding": "gzip"}, 400, "gzip"),
            (ECHO, gzip.compress(bytes(300 * 1024 * 1024), 1), {"Content-Encoding": "gzip"}, 413, "larger"),
            ("/v2/models/ecko/infer", body, {}, 404, "echo"),
            ("/v2/models/broken/infer", gzip.compress(bytes(400000)),
             {"Content-Encoding": "gzip", "Inference-Header-Content-Length": "0"}, 500, "broke")):
        got, _, answer = door.json("POST", path, sent, headers)
        assert got == status and (words in json.dumps(answer) or status == 413), (got, status, answer)
    assert metric(door, "weft_held_bytes") == 0


def what_needs_no_large_body_takes_none(door):
    body = json.dumps({"ready": True, "more": " " * 300000}).encode()
    assert door.call("POST", "/v2/repository/index", body)[0] == 413
    assert door.call("POST", "/v2/repository/index", gzip.compress(body), {"Content-Encoding": "gzip"})[0] == 413


def clients_that_leave_meanwhile_leave_nothing(door):
    left = 'weft_http_requests_total{method="POST",route="/v2/models/{model}/infer",code="499"}'
    before = metric(door, left)
    body = floats(LARGE)
    clients = [send(door, body) for _ in range(3)]
    town.wait_for(lambda: number(door, "/test/busy") == 3)
    assert metric(door, "weft_held_bytes") >= 3 * len(body)
    for client in clients:
        client.close()
    town.wait_for(lambda: metric(door, left) == before + 3, 60)
    assert number(door, "/test/busy") == 0 and number(door, "/test/running") == 0
    assert metric(door, "weft_held_bytes") == 0
    assert door.json("POST", ECHO, floats(80000))[0] == 200


def others_are_answered_while_a_large_message_is_decoded(door):
    channel, infer = calls(door)
    with channel:
        small = oip.ModelInferRequest(model_name="zeroes", id="small")
        small.inputs.add(name="in", datatype="UINT8", shape=[1])
        small.raw_input_contents.append(b"0")
        for message, compression in ((typed(64 * MiB), None), (raw(64 * MiB), grpc.Compression.Gzip),
                                     (texts(8 * MiB), None)):
            for left in range(5, -1, -1):  # a slow machine may ask too late
                large = infer.future(message, timeout=60, compression=compression)
                first = seen_away(door, large.done)
                assert door.call("GET", "/v2/health/live")[0] == 200
                assert infer(small.SerializeToString(), timeout=60).id == "small"
                # Texts are walked so fast that to have seen them there is enough.
                first = first and (len(message) < 40 * MiB or number(door, "/test/busy") == 1 and not large.done())
                assert len(large.result().raw_output_contents[0]) in (20000, 32 * MiB)
                if first:
                    break
                assert left > 0, "the large call was always answered first"
    assert metric(door, "weft_held_bytes") == 0


def large_messages_are_what_small_ones_would_be(door):
    channel, infer = calls(door)
    with channel:
        for compression in (None, grpc.Compression.Gzip):
            answer = infer(typed(MiB, id="seven", model_version="1"), timeout=60, compression=compression)
            assert (answer.id, answer.model_version) == ("seven", "1")
            assert answer.raw_output_contents[0] == bytes(20000)
            message, data = floats_raw(MiB)
            answer = infer(message, timeout=60, compression=compression)
            assert answer.id == "back" and answer.raw_output_contents[0] == data
            stream = channel.stream_stream(STREAM, response_deserializer=oip.ModelStreamInferResponse.FromString)
            large = [typed(MiB, id=name) for name in ("a", "b", "c")]
            answers = list(stream(iter(large + [message]), timeout=60, compression=compression))
            assert sorted(answer.infer_response.id for answer in answers) == ["a", "b", "back", "c"], answers
            assert not any(answer.error_message for answer in answers)
            assert data in [answer.infer_response.raw_output_contents[0] for answer in answers]
    assert metric(door, "weft_held_bytes") == 0


def a_large_answer_is_compressed_away_from_the_loop(door):
    message, data = floats_raw(4 * MiB)
    with tempfile.TemporaryDirectory(prefix="weft-away-") as directory:
        sent, got = pathlib.Path(directory, "sent"), pathlib.Path(directory, "got")
        sent.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
        curl = ["curl", "-s", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers",
                "-H", "grpc-encoding: gzip", "-H", "grpc-accept-encoding: gzip", "--data-binary", f"@{sent}", "-o", got,
                f"http://{door.address}{INFER}"]
        for left in range(5, -1, -1):
            with subprocess.Popen(curl) as client:
                # Decoding is little work here, so what is with the executor is the answer.
                seen = seen_away(door, lambda: client.poll() is not None)
                assert door.call("GET", "/v2/health/live")[0] == 200
            answer = got.read_bytes()
            assert answer[0] == 1 and struct.unpack(">I", answer[1:5])[0] == len(answer) - 5, answer[:9]
            assert oip.ModelInferResponse.FromString(gzip.decompress(answer[5:])).raw_output_contents[0] == data
            if seen:
                break
            assert left > 0, "nothing was seen with the executor"


def large_messages_that_are_wrong_are_told_as_small_ones(door):
    channel, infer = calls(door)

    def wrong(message, code, words, **more):
        error = infer.future(message, timeout=60, **more).exception()
        assert error is not None and error.code() == code and words in error.details(), (words, error)

    with channel:
        wrong(typed(MiB, last=b"\x80"), grpc.StatusCode.INVALID_ARGUMENT, "InferTensorContents")
        wrong(typed(MiB)[:-1], grpc.StatusCode.INVALID_ARGUMENT, "ModelInferRequest")
        wrong(typed(MiB, model="nothing"), grpc.StatusCode.NOT_FOUND, "nothing")
        wrong(typed(MiB, model="echo"), grpc.StatusCode.INVALID_ARGUMENT, "in")
        wrong(texts(MiB) + field(7, b"x"), grpc.StatusCode.INVALID_ARGUMENT, "raw contents")
        # A bomb: a message of 300 KiB, 300 MiB when inflated.
        wrong(raw(300 * MiB), grpc.StatusCode.RESOURCE_EXHAUSTED, "longer", compression=grpc.Compression.Gzip)
        stream = channel.stream_stream(STREAM, response_deserializer=oip.ModelStreamInferResponse.FromString)
        answers = list(stream(iter([typed(MiB, model="nothing", id="x"), raw(MiB, id="y")]), timeout=60))
        assert sorted(answer.infer_response.id for answer in answers) == ["x", "y"], answers
        assert sorted("nothing" in answer.error_message for answer in answers) == [False, True]
        # What needs no large message takes none.
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        error = live.future(bytes(MiB), timeout=60, compression=grpc.Compression.Gzip).exception()
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert metric(door, "weft_held_bytes") == 0


def calls_that_are_left_meanwhile_leave_nothing(door):
    channel, infer = calls(door)
    with channel:
        stream = channel.stream_stream(STREAM, response_deserializer=oip.ModelStreamInferResponse.FromString)
        left = [infer.future(typed(8 * MiB), timeout=60) for _ in range(2)]
        left.append(stream(iter([typed(8 * MiB)] * 2), timeout=60))
        town.wait_for(lambda: number(door, "/test/busy") >= 2)
        for call in left:
            call.cancel()
        town.wait_for(lambda: number(door, "/test/busy") == 0, 60)
        late = infer.future(typed(32 * MiB), timeout=0.2).exception()
        assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED, late
    town.wait_for(lambda: number(door, "/test/busy") == 0, 60)
    town.wait_for(lambda: metric(door, "weft_held_bytes") == 0)
    assert number(door, "/test/running") == 0


def one_that_came_before_the_end_is_still_begun(door):
    body = floats(LARGE)
    large = send(door, body)
    town.wait_for(lambda: number(door, "/test/busy") == 1)
    door.call("POST", "/test/ready/off")
    answer = large.getresponse()
    assert answer.status == 200, answer.read()
    assert door.call("POST", ECHO, body)[0] == 503
    door.call("POST", "/test/ready/on")


def requests_are_still_with_the_executor_when_the_node_ends(door):
    body = floats(LARGE)
    door.left_open = [send(door, body) for _ in range(3)]
    channel, infer = calls(door)
    stream = channel.stream_stream(STREAM)
    door.left_open += [channel, infer.future(typed(8 * MiB), timeout=60), stream(iter([typed(8 * MiB)]), timeout=60)]
    town.wait_for(lambda: number(door, "/test/busy") >= 3)


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__module__", "") == "__main__" and
           value.__name__ not in ("number", "metric", "send", "floats", "varint", "field", "typed", "raw", "texts",
                                  "floats_raw", "dial", "calls", "seen_away")]
town.main(STORIES)
