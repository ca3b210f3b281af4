#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Doors over the real model room: oip_models.py DOOR IDENTITY SINK, the last two plugins."""
import os
import re
import shutil
import struct
import sys
import tempfile

import grpc
from inference import grpc_service_pb2 as oip

import town

MiB = 1024 * 1024


class Place:
    def __init__(self, door, channel, models):
        self.door = door
        self.channel = channel
        self.models = models

    def infer(self, request):
        call = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer",
                                        oip.ModelInferRequest.SerializeToString, oip.ModelInferResponse.FromString)
        return call(request, timeout=20)

    def metric(self, name):
        return float(re.search(f"^{name} (\\S+)", self.door.call("GET", "/metrics")[2].decode(), re.M).group(1))


def payload(data):
    request = oip.ModelInferRequest(model_name="identity")
    request.inputs.add(name="payload", datatype="UINT8", shape=[len(data)])
    request.raw_input_contents.append(data)
    return request


def the_models_of_the_directory_are_served(place):
    status, _, body = place.door.json("GET", "/v2/models/identity")
    assert status == 200 and body["inputs"] == [{"name": "payload", "datatype": "UINT8", "shape": [-1]}], body
    models = {model["name"]: model for model in place.door.json("GET", "/v1/models")[2]["models"]}
    assert models["identity"]["state"] == models["sink"]["state"] == "READY"
    assert models["torn"]["state"] == "UNAVAILABLE" and models["torn"]["reason"], models["torn"]


def small_and_large_tensors_come_back(place):
    for size in (0, 1, 10240, 12 * MiB):
        data = os.urandom(size)
        assert place.infer(payload(data)).raw_output_contents[0] == data
        status, headers, body = place.door.call("POST", "/v2/models/identity/infer", data,
                                                {"Inference-Header-Content-Length": "0"})
        assert status == 200 and body[int(headers["inference-header-content-length"]):] == data


def a_large_tensor_is_hardly_copied(place):
    request = oip.ModelInferRequest(model_name="sink")
    request.inputs.add(name="tensor", datatype="FP32", shape=[3 * MiB])
    request.raw_input_contents.append(bytes(12 * MiB))
    place.infer(request)
    copied, received = place.metric("weft_copied_bytes_total"), place.metric("weft_link_received_bytes_total")
    for _ in range(10):
        assert place.infer(request).raw_output_contents[0] == struct.pack("<q", 12 * MiB)
    copied = place.metric("weft_copied_bytes_total") - copied
    received = place.metric("weft_link_received_bytes_total") - received
    assert received > 120 * MiB and copied / received < 0.5, (copied, received)


def models_are_unloaded_and_loaded_again(place):
    assert place.door.call("POST", "/v2/repository/models/identity/unload")[0] == 200
    town.wait_for(lambda: place.door.call("GET", "/v2/models/identity/ready")[0] == 404)
    assert place.door.call("POST", "/v2/repository/models/identity/load")[0] == 200
    town.wait_for(lambda: place.door.call("GET", "/v2/models/identity/ready")[0] == 200)
    assert place.infer(payload(b"again")).raw_output_contents[0] == b"again"


def a_model_that_appears_in_the_directory_can_be_loaded(place):
    shutil.copytree(os.path.join(place.models, "identity"), os.path.join(place.models, "newer"))
    assert place.door.call("POST", "/v2/repository/models/newer/load")[0] == 200
    town.wait_for(lambda: place.door.call("GET", "/v2/models/newer/ready")[0] == 200)


def what_cannot_be_loaded_says_why(place):
    for name, status in (("torn", (400, 500)), ("absent", (404,)), ("..%2Fmodels", (400, 404))):
        answer = place.door.json("POST", f"/v2/repository/models/{name}/load")
        assert answer[0] in status and answer[2]["error"], answer


def main():
    program, identity, sink = sys.argv[1:4]
    models = tempfile.mkdtemp(prefix="weft-serve-")
    for name, plugin in (("identity", identity), ("sink", sink), ("torn", None)):
        version = os.path.join(models, name, "1")
        os.makedirs(version)
        if plugin is not None:
            shutil.copy(plugin, os.path.join(version, "model.so"))
        else:
            with open(os.path.join(version, "model.so"), "wb") as file:
                file.write(b"no plugin")
    door = town.Door(program, "a", models, town.free_port())
    try:
        door.call("POST", "/test/ready/on")
        channel = grpc.insecure_channel(door.address, options=[("grpc.max_receive_message_length", -1)])
        failed = town.tell([the_models_of_the_directory_are_served, small_and_large_tensors_come_back,
                            a_large_tensor_is_hardly_copied, models_are_unloaded_and_loaded_again,
                            a_model_that_appears_in_the_directory_can_be_loaded, what_cannot_be_loaded_says_why],
                           Place(door, channel, models))
        channel.close()
        if door.end() != 0:
            print("# the door did not end in order")
            failed += 1
        if failed:
            print("# " + door.log()[-4000:].replace("\n", "\n# "))
    finally:
        door.forget()
        shutil.rmtree(models)
    sys.exit(1 if failed else 0)


main()
