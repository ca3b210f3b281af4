#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol over REST, against the doors of two nodes: oip_rest.py DOOR."""
import gzip
import http.client
import json
import pathlib
import re
import socket
import struct
import zlib

import town

ECHO = "/v2/models/echo/infer"
PAIR = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2.5, -3, 4]}]}


def pair(**more):
    return {**PAIR, **more}


def problem(answer, status, *words):
    """Holds where an answer is a problem of that status that says all of the words."""
    got, headers, body = answer
    assert got == status, answer
    assert headers["content-type"] == "application/problem+json", headers
    assert body["status"] == status, body
    assert body["error"] and body["title"] and body["type"].startswith("urn:weft:problem:"), body
    text = json.dumps(body)
    for word in words:
        assert word in text, (word, text)


def binary(header, *tensors):
    text = json.dumps(header).encode()
    return b"".join((text, *tensors)), {"Inference-Header-Content-Length": str(len(text))}


# --- server and models ---


def it_lives_and_is_ready_when_told_so(door):
    assert door.json("GET", "/v2/health/live")[::2] == (200, {"live": True})
    assert door.json("GET", "/v2/health/ready")[::2] == (503, {"ready": False})
    problem(door.json("POST", ECHO, PAIR), 503, "takes no requests")
    door.call("POST", "/test/ready/on")
    assert door.json("GET", "/v2/health/ready")[::2] == (200, {"ready": True})
    town.wait_for(lambda: door.call("GET", "/v2/models/raw/ready")[0] == 200)


def the_server_says_what_it_is(door):
    for path in ("/v2", "/v2/"):
        status, _, body = door.json("GET", path)
        assert status == 200 and body["name"] == "weft" and body["version"]
        assert "binary_tensor_data" in body["extensions"] and "model_repository" in body["extensions"]


def a_model_says_its_tensors_and_versions(door):
    status, _, body = door.json("GET", "/v2/models/echo")
    assert status == 200
    assert body["name"] == "echo" and body["versions"] == ["1", "3"] and body["platform"] == "fake"
    assert body["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert [output["name"] for output in body["outputs"]] == ["y", "count"]
    assert door.json("GET", "/v2/models/echo/versions/1")[0] == 200
    problem(door.json("GET", "/v2/models/echo/versions/2"), 404, "echo", "2")
    problem(door.json("GET", "/v2/models/ecko"), 404, "ecko", 'did you mean \\"echo\\"?')


def a_pipeline_says_the_same_as_a_model(door):
    status, _, body = door.json("GET", "/v2/models/chain")
    assert status == 200 and body["platform"] == "weft_pipeline" and body["versions"] == ["5"]
    assert body["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert body["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 2]},
                               {"name": "count", "datatype": "INT64", "shape": [1]}]
    problem(door.json("GET", "/v2/models/chain/versions/4"), 404, "chain", "4")


def readiness_of_models_and_pipelines(door):
    assert door.json("GET", "/v2/models/echo/ready")[::2] == (200, {"name": "echo", "ready": True})
    assert door.json("GET", "/v2/models/echo/versions/3/ready")[0] == 200
    assert door.json("GET", "/v2/models/chain/ready")[0] == 200
    assert door.json("GET", "/v2/models/lost/ready")[::2] == (503, {"name": "lost", "ready": False})
    problem(door.json("GET", "/v2/models/nothing/ready"), 404)


# --- inference ---


def json_flat_and_nested(door):
    for data in ([1, 2.5, -3, 4], [[1, 2.5], [-3, 4]]):
        body = pair(id="seven")
        body["inputs"] = [{**PAIR["inputs"][0], "data": data}]
        status, headers, answer = door.json("POST", ECHO, body)
        assert status == 200 and headers["content-type"] == "application/json", answer
        assert answer["model_name"] == "echo" and answer["model_version"] == "3" and answer["id"] == "seven"
        assert answer["outputs"][0] == {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [1, 2.5, -3, 4]}
        assert answer["outputs"][1]["data"] == [4]


def no_id_is_echoed_where_none_was_given(door):
    assert "id" not in door.json("POST", ECHO, PAIR)[2]


def a_version_may_be_asked_for(door):
    assert door.json("POST", "/v2/models/echo/versions/1/infer", PAIR)[2]["model_version"] == "1"
    problem(door.json("POST", "/v2/models/echo/versions/9/infer", PAIR), 404, "echo", "9")
    problem(door.json("POST", "/v2/models/ecko/infer", PAIR), 404, 'did you mean \\"echo\\"?')


def a_pipeline_answers_like_a_model(door):
    status, _, answer = door.json("POST", "/v2/models/chain/infer", PAIR)
    assert status == 200 and answer["model_version"] == "5", answer
    assert answer["outputs"][0]["data"] == [1, 2.5, -3, 4] and answer["outputs"][1]["data"] == [4]


def outputs_are_selected_in_their_order(door):
    answer = door.json("POST", ECHO, pair(outputs=[{"name": "count"}]))[2]
    assert [output["name"] for output in answer["outputs"]] == ["count"]
    answer = door.json("POST", ECHO, pair(outputs=[{"name": "count"}, {"name": "y"}]))[2]
    assert [output["name"] for output in answer["outputs"]] == ["count", "y"]
    problem(door.json("POST", ECHO, pair(outputs=[{"name": "cuont"}])), 400, 'did you mean \\"count\\"?')
    problem(door.json("POST", ECHO, pair(outputs=[{"name": "y"}, {"name": "y"}])), 400, "twice")


def binary_tensors_both_ways(door):
    floats = struct.pack("<4f", 1, 2, 3, 4)
    header = {"id": "b", "parameters": {"binary_data_output": True},
              "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2],
                          "parameters": {"binary_data_size": len(floats)}}]}
    body, headers = binary(header, floats)
    status, headers, answer = door.call("POST", ECHO, body, headers)
    assert status == 200 and headers["content-type"] == "application/octet-stream", answer
    split = int(headers["inference-header-content-length"])
    said = json.loads(answer[:split])
    assert [o["parameters"]["binary_data_size"] for o in said["outputs"]] == [16, 8] and said["id"] == "b"
    assert answer[split:] == floats + struct.pack("<q", 4)


def each_output_has_its_switch(door):
    outputs = [{"name": "y", "parameters": {"binary_data": True}},
               {"name": "count", "parameters": {"binary_data": False}}]
    _, headers, answer = door.call("POST", ECHO, json.dumps(pair(outputs=outputs)))
    split = int(headers["inference-header-content-length"])
    said = json.loads(answer[:split])
    assert said["outputs"][0]["parameters"] == {"binary_data_size": 16} and said["outputs"][1]["data"] == [4]
    assert answer[split:] == struct.pack("<4f", 1, 2.5, -3, 4)
    outputs = [{"name": "count", "parameters": {"binary_data": False}}]
    answer = door.json("POST", ECHO, pair(outputs=outputs, parameters={"binary_data_output": True}))[2]
    assert answer["outputs"][0]["data"] == [4]


def the_raw_form_is_one_input(door):
    data = bytes(range(256)) * 3
    status, headers, answer = door.call("POST", "/v2/models/raw/infer", data, {"Inference-Header-Content-Length": "0"})
    assert status == 200, answer
    split = int(headers["inference-header-content-length"])
    assert json.loads(answer[:split])["outputs"][0]["shape"] == [768] and answer[split:] == data
    status, headers, answer = door.call("POST", ECHO, struct.pack("<4f", 1, 2, 3, 4),
                                        {"Inference-Header-Content-Length": "0"})
    split = int(headers["inference-header-content-length"])
    assert json.loads(answer[:split])["outputs"][0]["shape"] == [2, 2]
    problem(door.json("POST", ECHO, b"12345", {"Inference-Header-Content-Length": "0"}), 400)


def a_large_tensor_goes_to_another_node_and_back(door):
    data = bytes(range(256)) * (12 * 4096)
    status, headers, answer = door.call("POST", "/v2/models/raw/infer", data, {"Inference-Header-Content-Length": "0"})
    assert status == 200 and answer[int(headers["inference-header-content-length"]):] == data


def strings_as_json_and_as_base64(door):
    tensor = {"name": "in", "datatype": "BYTES", "shape": [2], "data": ["wéft", ""]}
    answer = door.json("POST", "/v2/models/words/infer", {"inputs": [tensor]})[2]
    assert answer["outputs"][0]["data"] == ["wéft", ""]
    tensor = {**tensor, "data": ["AP8=", "YQ=="], "parameters": {"content_type": "base64"}}
    outputs = [{"name": "out", "parameters": {"content_type": "base64"}}]
    answer = door.json("POST", "/v2/models/words/infer", {"inputs": [tensor], "outputs": outputs})[2]
    assert answer["outputs"][0]["data"] == ["AP8=", "YQ=="]


def what_json_cannot_say_is_asked_for_in_binary(door):
    tensor = {"name": "in", "datatype": "FP16", "shape": [2], "parameters": {"binary_data_size": 4}}
    body, headers = binary({"inputs": [tensor]}, b"\0\0\0\x3c")
    problem(door.json("POST", "/v2/models/half/infer", body, headers), 400, "binary")
    body, headers = binary({"inputs": [tensor], "parameters": {"binary_data_output": True}}, b"\0\0\0\x3c")
    assert door.call("POST", "/v2/models/half/infer", body, headers)[2].endswith(b"\0\0\0\x3c")


# --- compression ---


def compressed_requests(door):
    plain = json.dumps(PAIR).encode()
    for coding, body in (("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain)), ("identity", plain)):
        assert door.json("POST", ECHO, body, {"Content-Encoding": coding})[0] == 200
    floats = struct.pack("<4f", 1, 2, 3, 4)
    body, headers = binary({"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2],
                                        "parameters": {"binary_data_size": 16}}]}, floats)
    assert door.json("POST", ECHO, gzip.compress(body), {**headers, "Content-Encoding": "gzip"})[0] == 200
    problem(door.json("POST", ECHO, plain, {"Content-Encoding": "br"}), 415, "br")
    problem(door.json("POST", ECHO, plain, {"Content-Encoding": "gzip"}), 400)
    problem(door.json("POST", ECHO, gzip.compress(plain)[:-9], {"Content-Encoding": "gzip"}), 400)


def a_bomb_is_refused(door):
    bomb = gzip.compress(bytes(300 * 1024 * 1024), 9)
    problem(door.json("POST", ECHO, bomb, {"Content-Encoding": "gzip"}), 413)


def a_tensor_of_too_many_elements_is_too_large(door):
    tensor = {"name": "x", "datatype": "FP32", "shape": [1 << 40, 2], "data": [1]}
    problem(door.json("POST", ECHO, {"inputs": [tensor]}), 413, "elements")


def compressed_answers_where_they_gain(door):
    raw = {"Inference-Header-Content-Length": "0"}

    def infer(model, accepted):
        return door.call("POST", f"/v2/models/{model}/infer", b"x", {**raw, "Accept-Encoding": accepted})

    _, plain, expected = infer("zeroes", "identity")
    assert "content-encoding" not in plain
    for coding, unpack in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        _, headers, answer = infer("zeroes", coding)
        assert headers["content-encoding"] == coding and headers["vary"] == "accept-encoding"
        assert len(answer) < 1000 and unpack(answer)[-20000:] == expected[-20000:]
    assert "content-encoding" not in infer("zeroes", "gzip;q=0")[1]
    assert "content-encoding" not in infer("picture", "gzip")[1]
    assert "content-encoding" not in door.call("POST", ECHO, json.dumps(PAIR), {"Accept-Encoding": "gzip"})[1]
    for rows, coded in ((10_000, True), (1_200_000, False)):  # the larger is over 8 MiB
        tensor = {"name": "x", "datatype": "FP32", "shape": [rows, 2], "parameters": {"binary_data_size": 8 * rows}}
        body, length = binary({"inputs": [tensor], "parameters": {"binary_data_output": True}}, bytes(8 * rows))
        status, headers, _ = door.call("POST", ECHO, body, {**length, "Accept-Encoding": "gzip"})
        assert status == 200 and ("content-encoding" in headers) == coded


# --- bad input ---


def broken_json(door):
    for body in (b"", b"{", b"[]", b'{"inputs":', b'{"inputs":[{}]}', b"\xff\xfe", b'{"inputs":[]} more',
                 b'{"id":"\xff"}', b'{"inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[1,2,"3",4]}]}'):
        problem(door.json("POST", ECHO, body), 400)


def wrong_tensors(door):
    def infer(**changes):
        return door.json("POST", ECHO, {"inputs": [{**PAIR["inputs"][0], **changes}]})

    problem(infer(data=[1, 2, 3]), 400, "x")
    problem(infer(data=[1, 2, 3, 4, 5]), 400)
    problem(infer(shape=[4]), 400)
    problem(infer(shape=[4, 1]), 400, "[-1,2]")
    problem(infer(shape=[-2, -2]), 400)
    problem(infer(shape=[2**62, 2**62]), 400)
    problem(infer(shape=[2**70, 1]), 400)
    problem(infer(datatype="FP64"), 400, "FP32")
    problem(infer(datatype="FP31"), 400)
    problem(infer(name="X1"), 400, "X1")
    problem(door.json("POST", ECHO, {"inputs": []}), 400, "x")
    problem(door.json("POST", ECHO, {"inputs": PAIR["inputs"] * 2}), 400, "twice")


def wrong_binary_sizes(door):
    def infer(size, shape, data, length=None):
        body, headers = binary({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape,
                                            "parameters": {"binary_data_size": size}}]}, data)
        if length is not None:
            headers["Inference-Header-Content-Length"] = length
        return door.json("POST", ECHO, body, headers)

    assert infer(16, [2, 2], bytes(16))[0] == 200
    problem(infer(16, [2, 2], bytes(12)), 400, "16")
    problem(infer(16, [2, 2], bytes(20)), 400)
    problem(infer(12, [2, 2], bytes(12)), 400)
    problem(infer(-1, [2, 2], bytes(16)), 400)
    problem(infer(2**63, [2, 2], bytes(16)), 400)
    for length in ("7", "100000", "-1", "1e3", "x", "99999999999999999999999999", " ", "0x10"):
        problem(infer(16, [2, 2], bytes(16), length), 400)


def a_body_that_is_too_large_is_refused_before_it_comes(door):
    with socket.create_connection(("127.0.0.1", door.port), 20) as plug:
        plug.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n" % ECHO.encode())
        assert plug.recv(4096).startswith(b"HTTP/1.1 413 ")


def what_is_no_proper_request_is_a_problem_too(door):
    for status, bytes_sent in (
            (400, b"GET /v2 HTTP/1.1\r\n\r\n"),
            (400, b"GET /v2 HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"),
            (400, b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" % ECHO.encode()),
            (400, b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n{}{}\r\n" % ECHO.encode()),
            (414, b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 100000)),
            (431, b"GET /v2 HTTP/1.1\r\nHost: x\r\n%s\r\n" % (b"X: y\r\n" * 20000)),
            (431, b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (b"a" * 100000)),
            (501, b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (501, b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" % ECHO.encode()),
            (505, b"POST /inference.GRPCInferenceService/ServerLive HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n"
                  b"Content-Type: application/grpc\r\nContent-Length: 0\r\n\r\n")):
        with socket.create_connection(("127.0.0.1", door.port), 20) as plug:
            try:
                plug.sendall(bytes_sent)
            except OSError:
                pass  # refused before all of it was sent
            answer = http.client.HTTPResponse(plug)
            answer.begin()
            body = answer.read()
            problem((answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(body)), status)


def a_body_that_is_cut_short_hurts_nobody(door):
    with socket.create_connection(("127.0.0.1", door.port), 20) as plug:
        plug.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{" % ECHO.encode())
    assert door.json("POST", ECHO, PAIR)[0] == 200


def paths_and_methods(door):
    problem(door.json("GET", ECHO), 405, "GET")
    assert door.call("DELETE", "/v2/models/echo")[0] == 405
    problem(door.json("GET", "/v3"), 404)
    problem(door.json("GET", "/v2/models/%FF"), 400)
    problem(door.json("GET", "/v2/models/%00"), 400)
    assert door.call("HEAD", "/v2/health/live")[::2] == (200, b"")


# --- failures and ends ---


def a_model_that_fails_is_named(door):
    status, _, body = door.json("POST", "/v2/models/broken/infer", b"x", {"Inference-Header-Content-Length": "0"})
    assert status == 500 and body["step"] == "broken" and body["node"] == "a" and body["attempt"] == 1, body
    assert body["pipeline"] == "broken" and "it broke in the middle" in body["error"], body


def a_pipeline_without_its_model_is_refused(door):
    problem(door.json("POST", "/v2/models/lost/infer", PAIR), 503, "nowhere", "only")


def a_deadline_passes(door):
    tensor = {"name": "in", "datatype": "UINT8", "shape": [1], "data": [1]}
    body = {"inputs": [tensor], "parameters": {"timeout": 100000}}
    problem(door.json("POST", "/v2/models/slow/infer", body), 504, "slow")
    town.wait_for(lambda: door.call("GET", "/test/running")[2] == b"0")
    for timeout in (-1, "soon", 1.5):
        problem(door.json("POST", ECHO, pair(parameters={"timeout": timeout})), 400, "timeout")
    assert door.json("POST", ECHO, pair(parameters={"timeout": 0}))[0] == 200


def a_client_that_leaves_stops_the_work(door):
    connection = http.client.HTTPConnection("127.0.0.1", door.port)
    connection.request("POST", "/v2/models/slow/infer", b"x", {"Inference-Header-Content-Length": "0"})
    town.wait_for(lambda: door.call("GET", "/test/running")[2] == b"1")
    connection.close()
    town.wait_for(lambda: door.call("GET", "/test/running")[2] == b"0")
    metrics = door.call("GET", "/metrics")[2].decode()
    assert 'route="/v2/models/{model}/infer",code="499"} 1' in metrics
    line = r"POST /v2/models/slow/infer from 127\.0\.0\.1:\d+: 499 in "
    town.wait_for(lambda: re.search(line, door.log()))


# --- the trace ---


def the_trace_goes_in_and_out_and_into_the_log(door):
    _, headers, _ = door.json("POST", ECHO, PAIR, {"traceparent": town.TRACE})
    version, trace, span, flags = headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", town.TRACE.split("-")[1], "01") and span != town.TRACE.split("-")[2]
    town.wait_for(lambda: f"traceparent={headers['traceparent']}" in door.log())
    _, headers, _ = door.json("POST", ECHO, PAIR, {"traceparent": "00-zz-1-01"})
    assert len(headers["traceparent"]) == 55 and "zz" not in headers["traceparent"]
    assert len(door.json("GET", "/v2/models/ecko")[1]["traceparent"]) == 55


def the_callers_state_of_the_trace_comes_back_as_it_went_in(door):
    def back(state, parent=town.TRACE, path="/v2/models/echo"):
        return door.call("GET", path, None, {"traceparent": parent, "tracestate": state})[1].get("tracestate")

    for state in ("rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", "a=" + 200 * "x" + ",b=" + 256 * "y"):
        assert back(state) == state
        assert back(state, path="/v2/models/ecko") == state
        assert back(state, parent="00-zz-1-01") is None
    for state in ("", "rojo", "a=1,B=2", "a=" + 257 * "x", "a=" + 255 * "x" + ",b=" + 256 * "y", 33 * "a=1,"):
        assert back(state) is None, state


# --- records, lists, repository, metrics ---


def a_request_is_remembered(door):
    door.json("POST", "/v2/models/chain/infer", pair(id="kept"))
    status, _, record = door.json("GET", "/v1/requests/kept")
    assert status == 200 and record["id"] == "kept" and record["pipeline"] == "chain", record
    town.wait_for(lambda: door.json("GET", "/v1/requests/kept")[2]["settled"])
    record = door.json("GET", "/v1/requests/kept")[2]
    assert [step["step"] for step in record["steps"]] == ["first", "second"], record
    assert all(step["state"] == "finished" and step["node"] == "a" for step in record["steps"])
    assert all(0 < step["start_ns"] <= step["end_ns"] for step in record["steps"])
    trace = door.json("POST", ECHO, PAIR)[1]["traceparent"].split("-")[1]
    assert door.json("GET", f"/v1/requests/{trace}")[2]["pipeline"] == "echo"
    problem(door.json("GET", "/v1/requests/unheard"), 404, "unheard")


def lists_of_nodes_models_and_pipelines(door):
    nodes = {node["name"]: node for node in door.json("GET", "/v1/nodes")[2]["nodes"]}
    assert set(nodes) == {"a", "b"} and nodes["a"]["self"] and not nodes["b"]["self"]
    assert nodes["a"]["slots"] == 64 and nodes["b"]["models"] == [{"name": "raw", "version": "1", "generation": 7}]
    models = door.json("GET", "/v1/models")[2]["models"]
    assert {"name": "raw", "version": "1", "node": "b", "platform": "fake", "generation": 7, "state": "READY",
            "reason": ""} in models
    assert any(m["name"] == "spare" and m["state"] == "UNAVAILABLE" for m in models)
    pipelines = {p["name"]: p for p in door.json("GET", "/v1/pipelines")[2]["pipelines"]}
    assert pipelines["chain"]["ready"] and pipelines["chain"]["steps"] == 2 and pipelines["chain"]["reason"] == ""
    assert pipelines["chain"]["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2], "optional": False}]
    assert not pipelines["lost"]["ready"] and "nowhere" in pipelines["lost"]["reason"]


def models_are_listed_loaded_and_unloaded(door):
    def states(body=b""):
        answer = door.json("POST", "/v2/repository/index", body)[2]
        return {(entry["name"], entry.get("version")): entry["state"] for entry in answer}

    index = states()
    assert index["spare", "1"] == "UNAVAILABLE" and index["raw", "1"] == "READY" and index["chain", "5"] == "READY"
    assert index["lost", "1"] == "UNAVAILABLE"
    assert all(state == "READY" for state in states(b'{"ready":true}').values())
    problem(door.json("POST", "/v2/models/spare/infer", b"x", {"Inference-Header-Content-Length": "0"}), 404)
    assert door.call("POST", "/v2/repository/models/spare/load")[::2] == (200, b"")
    town.wait_for(lambda: door.call("GET", "/v2/models/spare/ready")[0] == 200)
    assert door.call("POST", "/v2/models/spare/infer", b"x", {"Inference-Header-Content-Length": "0"})[0] == 200
    body = b'{"parameters":{"unload_dependents":false}}'
    assert door.call("POST", "/v2/repository/models/spare/unload", body)[0] == 200
    town.wait_for(lambda: door.call("GET", "/v2/models/spare/ready")[0] == 404)
    problem(door.json("POST", "/v2/repository/models/spare/unload"), 400)
    problem(door.json("POST", "/v2/repository/models/bad/load"), 400, "no file")
    problem(door.json("POST", "/v2/repository/models/absent/load"), 404)
    problem(door.json("POST", "/v2/repository/models/..%2F..%2Fetc/load"), 404)
    problem(door.json("POST", "/v2/repository/models/spare/load", b'{"parameters":{"config":"{}"}}'), 400, "config")
    problem(door.json("POST", "/v2/repository/models/spare/load", b"{"), 400)


def metrics_tell_of_all_this(door):
    status, headers, body = door.call("GET", "/metrics")
    text = body.decode()
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in ('weft_http_requests_total{method="POST",route="/v2/models/{model}/infer",code="200"}',
                 'weft_http_request_duration_seconds_count{method="POST",route="/v2/models/{model}/infer"}',
                 'weft_requests_total{pipeline="chain",status="OK"}', 'weft_tasks_total{model="broken",result="error"}',
                 "weft_link_received_bytes_total", "weft_link_connections_open", "weft_node_ready 1",
                 "weft_nodes 2", 'weft_peer_sent_bytes_total{peer="b"}', "process_resident_memory_bytes",
                 "weft_copied_bytes_total"):
        assert line in text, line
    documented = (pathlib.Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert 0 < float(text.split('weft_peer_round_trip_seconds{peer="b"} ')[1].split()[0]) < 1
    for family in {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}:
        assert f"# HELP {family} " in text
        assert f"`{family}`" in documented, family


def memory_is_told_of_each_model_that_is_ready(door):
    def models():
        text = door.call("GET", "/metrics")[2].decode()
        return {name: float(bytes_) for name, bytes_ in
                re.findall(r'^weft_model_memory_bytes\{model="(\w+)",version="\d+"\} (\S+)$', text, re.M)}

    assert models()["echo"] == 4000 and "spare" not in models(), models()
    assert door.call("POST", "/v2/repository/models/spare/load")[0] == 200
    town.wait_for(lambda: models().get("spare") == 5000)
    assert door.call("POST", "/v2/repository/models/spare/unload")[0] == 200
    town.wait_for(lambda: "spare" not in models())
    assert models()["echo"] == 4000


def edges_tell_how_long_their_values_take(door):
    def value(series):
        found = re.findall(f"^{re.escape(series)} (\\S+)$", door.call("GET", "/metrics")[2].decode(), re.M)
        return float(found[0]) if found else 0

    edges = ('producer="",consumer="first"', 'producer="first",consumer="second"',
             'producer="first",consumer=""', 'producer="second",consumer=""')
    ended = 'weft_requests_total{pipeline="chain",status="OK"}'
    before = value(ended)
    for number in range(7):
        assert door.json("POST", "/v2/models/chain/infer", pair(id=f"timed-{number}"))[0] == 200
    assert value(ended) == before + 7
    for edge in edges:
        name = 'weft_edge_seconds_%s{pipeline="chain",' + edge + "}"
        town.wait_for(lambda name=name: value(name % "count") == before + 7)
        assert 0 <= value(name % "sum") < value('weft_request_duration_seconds_sum{pipeline="chain"}') + 1
    text = door.call("GET", "/metrics")[2].decode()
    assert len(re.findall(r'^weft_edge_seconds_count\{pipeline="chain",', text, re.M)) == len(edges)


def every_log_line_of_a_request_has_its_trace(door):
    lines = [line for line in door.log().splitlines() if "/v2/" in line]
    assert lines and all("traceparent=00-" in line for line in lines), [l for l in lines if "traceparent" not in l][:3]


def it_can_be_told_that_it_is_not_ready(door):
    door.call("POST", "/test/ready/off")
    assert door.json("GET", "/v2/health/ready")[0] == 503
    problem(door.json("POST", ECHO, PAIR), 503)
    assert door.json("GET", "/v2/health/live")[0] == 200


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__module__", "") == "__main__" and
           value.__name__ not in ("pair", "problem", "binary")]
town.main(STORIES)
