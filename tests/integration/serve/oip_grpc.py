#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Open Inference Protocol, health and reflection over gRPC, against the doors of two nodes, with Debian's grpcio:
oip_grpc.py DOOR."""
import queue
import socket
import struct
import threading
import time

import grpc
import health_pb2
import reflection_pb2
from google.protobuf import descriptor_pb2
from inference import grpc_service_pb2 as oip

import town

SERVICE = "/inference.GRPCInferenceService/"
MiB = 1024 * 1024


class Client:
    def __init__(self, door):
        self.door = door
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(door.address, options=options)

    def unary(self, name, request, answer, **more):
        call = self.channel.unary_unary(name if name.startswith("/") else SERVICE + name,
                                        type(request).SerializeToString, answer.FromString)
        return call(request, timeout=more.pop("timeout", 20), **more)

    def infer(self, request, **more):
        return self.unary("ModelInfer", request, oip.ModelInferResponse, **more)

    def stream(self, requests, **more):
        call = self.channel.stream_stream(SERVICE + "ModelStreamInfer", oip.ModelInferRequest.SerializeToString,
                                          oip.ModelStreamInferResponse.FromString)
        return call(iter(requests), timeout=more.pop("timeout", 20), **more)


def pair(model="echo", raw=True, **more):
    request = oip.ModelInferRequest(model_name=model, **more)
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[2, 2])
    if raw:
        request.raw_input_contents.append(struct.pack("<4f", 1, 2, 3, 4))
    else:
        tensor.contents.fp32_contents.extend([1, 2, 3, 4])
    return request


def bytes_in(model, data, **more):
    request = oip.ModelInferRequest(model_name=model, **more)
    request.inputs.add(name="in", datatype="UINT8", shape=[len(data)])
    request.raw_input_contents.append(data)
    return request


def parts(count, **more):
    request = oip.ModelInferRequest(model_name="parts", **more)
    request.inputs.add(name="count", datatype="INT32", shape=[1])
    request.raw_input_contents.append(struct.pack("<i", count))
    return request


def refused(call, code, *words):
    """Holds where the call ends with that status and its details say all of the words."""
    try:
        answer = call()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        for word in words:
            assert word in error.details(), (word, error.details())
        return error
    raise AssertionError(f"it was answered: {answer}")


# --- server and models ---


def it_lives_and_is_ready_when_told_so(client):
    assert client.unary("ServerLive", oip.ServerLiveRequest(), oip.ServerLiveResponse).live
    assert not client.unary("ServerReady", oip.ServerReadyRequest(), oip.ServerReadyResponse).ready
    refused(lambda: client.infer(pair()), grpc.StatusCode.UNAVAILABLE)
    client.door.call("POST", "/test/ready/on")
    assert client.unary("ServerReady", oip.ServerReadyRequest(), oip.ServerReadyResponse).ready
    town.wait_for(lambda: client.unary("ModelReady", oip.ModelReadyRequest(name="raw"), oip.ModelReadyResponse).ready)


def metadata_of_server_models_and_pipelines(client):
    server = client.unary("ServerMetadata", oip.ServerMetadataRequest(), oip.ServerMetadataResponse)
    assert server.name == "weft" and "binary_tensor_data" in server.extensions
    model = client.unary("ModelMetadata", oip.ModelMetadataRequest(name="echo"), oip.ModelMetadataResponse)
    assert list(model.versions) == ["1", "3"] and list(model.inputs[0].shape) == [-1, 2]
    model = client.unary("ModelMetadata", oip.ModelMetadataRequest(name="chain"), oip.ModelMetadataResponse)
    assert model.platform == "weft_pipeline" and [o.name for o in model.outputs] == ["y", "count"]
    refused(lambda: client.unary("ModelMetadata", oip.ModelMetadataRequest(name="ecko"), oip.ModelMetadataResponse),
            grpc.StatusCode.NOT_FOUND, "ecko")


def readiness_of_models(client):
    def ready(name, version=""):
        request = oip.ModelReadyRequest(name=name, version=version)
        return client.unary("ModelReady", request, oip.ModelReadyResponse).ready

    assert ready("echo") and ready("echo", "3") and ready("chain") and ready("raw")
    assert not ready("echo", "9") and not ready("nothing") and not ready("lost")


# --- inference ---


def raw_and_typed_contents(client):
    for raw in (True, False):
        answer = client.infer(pair(raw=raw, id="seven"))
        assert (answer.model_name, answer.model_version, answer.id) == ("echo", "3", "seven")
        assert [output.name for output in answer.outputs] == ["y", "count"]
        assert answer.raw_output_contents[0] == struct.pack("<4f", 1, 2, 3, 4)
        assert answer.raw_output_contents[1] == struct.pack("<q", 4)
    assert client.infer(pair()).id == ""


def versions_pipelines_and_selected_outputs(client):
    assert client.infer(pair(model_version="1")).model_version == "1"
    answer = client.infer(pair("chain"))
    assert answer.model_version == "5" and answer.raw_output_contents[0] == struct.pack("<4f", 1, 2, 3, 4)
    request = pair()
    request.outputs.add(name="count")
    answer = client.infer(request)
    assert [output.name for output in answer.outputs] == ["count"] and len(answer.raw_output_contents) == 1
    request.outputs.add(name="z")
    refused(lambda: client.infer(request), grpc.StatusCode.INVALID_ARGUMENT, "z")


def a_large_tensor_goes_to_another_node_and_back(client):
    data = bytes(range(256)) * (12 * 4096)
    assert client.infer(bytes_in("raw", data)).raw_output_contents[0] == data


def a_compressed_message_is_answered_in_kind(client):
    answer = client.infer(bytes_in("zeroes", bytes(100000)), compression=grpc.Compression.Gzip)
    assert answer.raw_output_contents[0] == bytes(20000)


# --- bad input ---


def wrong_requests(client):
    def wrong(request, *words):
        refused(lambda: client.infer(request), grpc.StatusCode.INVALID_ARGUMENT, *words)

    request = pair()
    request.raw_input_contents[0] += b"\0"
    wrong(request, "x")
    request = pair()
    request.raw_input_contents.append(b"")
    wrong(request)
    request = pair()
    request.inputs[0].shape[:] = [2**62, 2**62]
    wrong(request, "x")
    request = pair()
    request.inputs[0].shape[:] = [-1, 2]
    wrong(request)
    request = pair()
    request.inputs[0].shape[:] = [4]
    wrong(request)
    request = pair()
    request.inputs[0].datatype = "FP64"
    wrong(request)
    request = pair()
    request.inputs[0].datatype = "float"
    wrong(request)
    request = pair()
    request.inputs.add(name="x", datatype="FP32", shape=[2, 2])
    request.raw_input_contents.append(request.raw_input_contents[0])
    wrong(request, "twice")
    wrong(oip.ModelInferRequest(model_name="echo"), "x")
    wrong(oip.ModelInferRequest())
    wrong(pair(parameters={"timeout": oip.InferParameter(string_param="soon")}), "timeout")


def messages_that_are_none(client):
    def send(name, data):
        call = client.channel.unary_unary(SERVICE + name)
        refused(lambda: call(data, timeout=20), grpc.StatusCode.INVALID_ARGUMENT)

    whole = pair().SerializeToString()
    for name in ("ModelInfer", "ModelMetadata", "ModelReady", "RepositoryIndex", "RepositoryModelLoad"):
        send(name, b"\xff\xff\xff\xff")
    for cut in range(1, len(whole), 7):
        send("ModelInfer", whole[:cut])
    send("ModelInfer", b"\x0a\x02\xff\xfe")


def a_message_that_is_too_large(client):
    refused(lambda: client.infer(bytes_in("raw", bytes(257 * MiB))), grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert client.infer(pair()).id == ""


def unknown_names(client):
    error = refused(lambda: client.infer(pair("ecko")), grpc.StatusCode.NOT_FOUND, "ecko")
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert b"did you mean" in details
    refused(lambda: client.infer(pair(model_version="9")), grpc.StatusCode.NOT_FOUND, "9")
    refused(lambda: client.unary("Nothing", oip.ServerLiveRequest(), oip.ServerLiveResponse),
            grpc.StatusCode.UNIMPLEMENTED)


def a_model_that_fails_is_named(client):
    error = refused(lambda: client.infer(bytes_in("broken", b"x")), grpc.StatusCode.INTERNAL, "it broke in the middle")
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    for word in (b"pipeline", b"step", b"node", b"attempt", b"broken"):
        assert word in details, details


# --- deadlines and cancellation ---


def running(client):
    return client.door.call("GET", "/test/running")[2]


def a_deadline_passes(client):
    refused(lambda: client.infer(bytes_in("slow", b"x"), timeout=0.2), grpc.StatusCode.DEADLINE_EXCEEDED)
    town.wait_for(lambda: running(client) == b"0")
    request = bytes_in("slow", b"x", parameters={"timeout": oip.InferParameter(int64_param=100000)})
    refused(lambda: client.infer(request), grpc.StatusCode.DEADLINE_EXCEEDED)
    town.wait_for(lambda: running(client) == b"0")


def a_client_that_cancels_stops_the_work(client):
    call = client.channel.unary_unary(SERVICE + "ModelInfer")
    future = call.future(bytes_in("slow", b"x").SerializeToString())
    town.wait_for(lambda: running(client) == b"1")
    future.cancel()
    town.wait_for(lambda: running(client) == b"0")


# --- the trace ---


def the_trace_comes_back(client):
    call = client.channel.unary_unary(SERVICE + "ModelInfer", oip.ModelInferRequest.SerializeToString)
    _, answer = call.with_call(pair(), timeout=20, metadata=[("traceparent", town.TRACE)])
    back = dict(answer.initial_metadata())["traceparent"]
    assert back.split("-")[1] == town.TRACE.split("-")[1] and back != town.TRACE
    town.wait_for(lambda: f"traceparent={back}" in client.door.log())


def the_callers_state_of_the_trace_comes_back(client):
    call = client.channel.unary_unary(SERVICE + "ModelInfer", oip.ModelInferRequest.SerializeToString)

    def back(*metadata):
        return dict(call.with_call(pair(), timeout=20, metadata=metadata)[1].initial_metadata()).get("tracestate")

    parent = ("traceparent", town.TRACE)
    assert back(parent, ("tracestate", "a=1"), ("other", "x"), ("tracestate", "b=2")) == "a=1,b=2"
    assert back(("tracestate", "a=1")) is None
    assert back(parent) is None
    assert back(parent, ("tracestate", "a=1"), ("tracestate", "B=2")) is None
    assert back(parent, *[("tracestate", "a=" + 250 * "x")] * 3) is None
    # Together, with their comma: at the limit, and one character and one comma beyond it.
    long = "a=" + 253 * "x"
    assert back(parent, ("tracestate", long), ("tracestate", "b=" + 254 * "y")) == long + ",b=" + 254 * "y"
    assert back(parent, ("tracestate", long), ("tracestate", "b=" + 255 * "y")) is None
    full = long + ",b=" + 254 * "y"
    assert back(parent, ("tracestate", full), ("tracestate", "")) is None


# --- streams ---


def a_stream_answers_every_request(client):
    answers = list(client.stream([pair(id=str(i)) for i in range(200)]))
    assert sorted(int(answer.infer_response.id) for answer in answers) == list(range(200))
    assert all(answer.error_message == "" for answer in answers)
    assert all(answer.infer_response.parameters["triton_final_response"].bool_param for answer in answers)
    assert list(client.stream([])) == []


def a_streaming_model_answers_in_parts(client):
    answers = list(client.stream([parts(5, id="p")]))
    numbers = [struct.unpack("<i", a.infer_response.raw_output_contents[0])[0] for a in answers]
    assert numbers == [0, 1, 2, 3, 4] and all(a.infer_response.id == "p" for a in answers)
    assert not any(a.infer_response.parameters["triton_final_response"].bool_param for a in answers[:4])
    asked = {"triton_enable_empty_final_response": oip.InferParameter(bool_param=True)}
    answers = list(client.stream([parts(3, parameters=asked)]))
    assert len(answers) == 4 and len(answers[3].infer_response.outputs) == 0
    assert answers[3].infer_response.parameters["triton_final_response"].bool_param


def a_streaming_model_gives_its_last_part_to_a_unary_call(client):
    assert client.infer(parts(4)).raw_output_contents[0] == struct.pack("<i", 3)


def an_error_in_a_stream_is_a_response(client):
    wrong = pair()
    wrong.raw_input_contents[0] += b"\0"
    answers = list(client.stream([pair("ecko", id="1"), wrong, bytes_in("broken", b"x"), pair(id="4")]))
    assert len(answers) == 4
    said = [answer.error_message for answer in answers]
    assert sum(1 for words in said if words) == 3 and any("ecko" in words for words in said)
    assert any("it broke" in words for words in said)
    assert [answer.infer_response.id for answer in answers if not answer.error_message] == ["4"]
    assert [answer.infer_response.id for answer in answers if "ecko" in answer.error_message] == ["1"]


def a_stream_that_is_cancelled_stops_its_work(client):
    asked = queue.Queue()
    call = client.stream(iter(asked.get, None))
    for _ in range(3):
        asked.put(bytes_in("slow", b"x"))
    town.wait_for(lambda: running(client) == b"3")
    call.cancel()
    town.wait_for(lambda: running(client) == b"0")
    asked.put(None)


def a_reader_that_pauses_gets_everything(client):
    data = bytes(MiB)
    received = 0
    for answer in client.stream([bytes_in("raw", data) for _ in range(64)], timeout=60):
        assert answer.infer_response.raw_output_contents[0] == data
        received += 1
        if received in (1, 20):
            time.sleep(0.3)
    assert received == 64


# --- the repository ---


def models_are_listed_loaded_and_unloaded(client):
    def index(ready=False):
        answer = client.unary("RepositoryIndex", oip.RepositoryIndexRequest(ready=ready), oip.RepositoryIndexResponse)
        return {(model.name, model.version): model.state for model in answer.models}

    def load(name, **more):
        return client.unary("RepositoryModelLoad", oip.RepositoryModelLoadRequest(model_name=name, **more),
                            oip.RepositoryModelLoadResponse)

    def unload(name):
        return client.unary("RepositoryModelUnload", oip.RepositoryModelUnloadRequest(model_name=name),
                            oip.RepositoryModelUnloadResponse)

    assert index()["spare", "1"] == "UNAVAILABLE" and index()["raw", "1"] == "READY"
    assert set(index(True).values()) == {"READY"}
    load("spare")
    town.wait_for(lambda: client.door.call("GET", "/v2/models/spare/ready")[0] == 200)
    unload("spare")
    town.wait_for(lambda: client.door.call("GET", "/v2/models/spare/ready")[0] == 404)
    refused(lambda: unload("spare"), grpc.StatusCode.FAILED_PRECONDITION)
    refused(lambda: load("bad"), grpc.StatusCode.FAILED_PRECONDITION, "no file")
    refused(lambda: load("../../etc"), grpc.StatusCode.NOT_FOUND)
    config = {"config": oip.ModelRepositoryParameter(string_param="{}")}
    refused(lambda: load("spare", parameters=config), grpc.StatusCode.INVALID_ARGUMENT, "config")


# --- health and reflection ---


def health_is_checked(client):
    def check(service):
        return client.unary("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest(service=service),
                            health_pb2.HealthCheckResponse).status

    serving = health_pb2.HealthCheckResponse.SERVING
    assert check("") == check("inference.GRPCInferenceService") == check("grpc.health.v1.Health") == serving
    refused(lambda: check("inference.Nothing"), grpc.StatusCode.NOT_FOUND)
    refused(lambda: check("inference"), grpc.StatusCode.NOT_FOUND)


def health_is_watched(client):
    status = health_pb2.HealthCheckResponse
    watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch",
                                        health_pb2.HealthCheckRequest.SerializeToString, status.FromString)
    call = watch(health_pb2.HealthCheckRequest(), timeout=20)
    unknown = watch(health_pb2.HealthCheckRequest(service="nobody"), timeout=20)
    assert next(call).status == status.SERVING
    assert next(unknown).status == status.SERVICE_UNKNOWN
    client.door.call("POST", "/test/ready/off")
    assert next(call).status == status.NOT_SERVING
    client.door.call("POST", "/test/ready/on")
    assert next(call).status == status.SERVING
    call.cancel()
    unknown.cancel()


def the_services_describe_themselves(client):
    messages = reflection_pb2
    for version in ("v1", "v1alpha"):
        call = client.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                            messages.ServerReflectionRequest.SerializeToString,
                                            messages.ServerReflectionResponse.FromString)
        answers = list(call(iter([messages.ServerReflectionRequest(list_services=""),
                                  messages.ServerReflectionRequest(
                                      file_containing_symbol="inference.GRPCInferenceService.ModelInfer"),
                                  messages.ServerReflectionRequest(file_containing_symbol="no.such.Thing")]),
                            timeout=20))
        names = {service.name for service in answers[0].list_services_response.service}
        assert {"inference.GRPCInferenceService", "grpc.health.v1.Health",
                f"grpc.reflection.{version}.ServerReflection", "weft.v1.Peer"} <= names
        file = descriptor_pb2.FileDescriptorProto.FromString(
            answers[1].file_descriptor_response.file_descriptor_proto[0])
        assert file.package == "inference"
        assert answers[2].error_response.error_code == 5


# --- many at once, and what was counted ---


def many_clients_at_once(client):
    failures = []

    def work(number):
        try:
            own = Client(client.door)
            for i in range(50):
                assert own.infer(pair("chain", id=f"{number}-{i}")).id == f"{number}-{i}"
            own.channel.close()
        except Exception as error:  # whatever it is belongs to the story
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def calls_are_counted(client):
    text = client.door.call("GET", "/metrics")[2].decode()
    for line in ('weft_grpc_calls_total{method="/inference.GRPCInferenceService/ModelInfer",code="OK"}',
                 'weft_grpc_calls_total{method="/inference.GRPCInferenceService/ModelInfer",code="CANCELLED"}',
                 'weft_grpc_calls_total{method="/inference.GRPCInferenceService/ModelInfer",code="NOT_FOUND"}',
                 'weft_grpc_call_duration_seconds_count{method="/grpc.health.v1.Health/Watch"}'):
        assert line in text, line


def it_ends_in_order_with_work_under_way(client):
    """The door is told to end after this; that it does, and loses no memory, is seen by its exit status."""
    watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch")
    watching = watch(b"", timeout=30)
    next(watching)
    asked = queue.Queue()
    open_calls = [client.stream(iter(asked.get, None), timeout=30)]
    for _ in range(2):
        asked.put(bytes_in("slow", b"x"))
        call = client.channel.unary_unary(SERVICE + "ModelInfer")
        open_calls.append(call.future(bytes_in("slow", b"x").SerializeToString()))
    plug = socket.create_connection(("127.0.0.1", client.door.port), 20)
    plug.sendall(b"POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: 0\r\n"
                 b"Content-Length: 1\r\n\r\nx")
    client.left_open = watching, open_calls, asked, plug
    town.wait_for(lambda: running(client) == b"5")


STORIES = [value for value in list(globals().values())
           if callable(value) and getattr(value, "__module__", "") == "__main__" and
           value.__name__ not in ("Client", "pair", "bytes_in", "parts", "refused", "running")]
town.main(STORIES, Client)
