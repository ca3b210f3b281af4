#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Large JSON and what is compressed leave the loop's thread, over REST, which still answers the others: oip_away.py
DOOR. The door's executor has one thread."""
import gzip
import http.client
import json
import select

import town

ECHO = "/v2/models/echo/infer"
LARGE = 400000


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
    town.wait_for(lambda: number(door, "/test/busy") == 3)


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__module__", "") == "__main__" and
           value.__name__ not in ("number", "metric", "send", "floats")]
town.main(STORIES)
