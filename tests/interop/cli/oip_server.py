#!/usr/bin/python3
"""A server of the Open Inference Protocol that is not ours: gRPC by grpcio, REST by http.server.

oip_server.py PROTO_DIRECTORY: messages are made by protoc from grpc_service.proto there. Prints the two
addresses on one line, "GRPC HTTP", and serves until its standard input ends. Its models:

  double   x FP32 [-1,2] -> y, twice as much        picture  side INT32 [1] -> image UINT8 [side,side,3]
  shout    text BYTES [1] -> text, in capitals      slow     text BYTES [1] -> text, after half a second
  broken   x FP32 [1] -> fails                      gone     x FP32 [1] -> the server dies
"""

import concurrent.futures
import http.server
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time

import grpc

MODELS = {
    "double": ([("x", "FP32", [-1, 2])], [("y", "FP32", [-1, 2])]),
    "shout": ([("text", "BYTES", [1])], [("text", "BYTES", [1])]),
    "slow": ([("text", "BYTES", [1])], [("text", "BYTES", [1])]),
    "picture": ([("side", "INT32", [1])], [("image", "UINT8", [-1, -1, 3])]),
    "broken": ([("x", "FP32", [1])], [("x", "FP32", [1])]),
    "gone": ([("x", "FP32", [1])], [("x", "FP32", [1])]),
}
SIZES = {"FP32": 4, "INT32": 4, "UINT8": 1}


class Failure(Exception):
    """What a model fails with."""


def infer(model, inputs):
    """inputs: name -> (datatype, shape, bytes). The only output: name, datatype, shape, bytes."""
    name, datatype, _ = MODELS[model][0][0]
    if name not in inputs or inputs[name][0] != datatype:
        raise Failure("input %s of %s is missing or of another datatype" % (name, model))
    shape, data = inputs[name][1], inputs[name][2]
    elements = 1
    for dimension in shape:
        elements *= dimension
    if datatype in SIZES and len(data) != elements * SIZES[datatype]:
        raise Failure("input %s has %d bytes for the shape %s" % (name, len(data), shape))
    if model == "double":
        return "y", "FP32", shape, struct.pack("<%df" % elements, *(2 * x for x in struct.unpack("<%df" % elements, data)))
    if model in ("shout", "slow"):
        time.sleep(0.5 if model == "slow" else 0)
        text = data[4:].decode().upper().encode()
        return "text", "BYTES", [1], struct.pack("<I", len(text)) + text
    if model == "picture":
        side = struct.unpack("<i", data)[0]
        return "image", "UINT8", [side, side, 3], bytes((x * 7 + y * 3) % 256 for y in range(side) for x in range(side * 3))
    if model == "gone":
        os._exit(7)
    raise Failure("this model always fails")


def messages(proto):
    """The module that protoc makes of the protocol's file."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["protoc", "-I", proto, "--python_out", directory, "grpc_service.proto"], check=True)
        sys.path.insert(0, directory)
        import grpc_service_pb2
        return grpc_service_pb2


def grpc_metadata(pb, request, context):
    if request.name not in MODELS:
        context.abort(grpc.StatusCode.NOT_FOUND, "no model is called %s" % request.name)
    answer = pb.ModelMetadataResponse(name=request.name, versions=["1"], platform="python")
    for ours, theirs in zip(MODELS[request.name], (answer.inputs, answer.outputs)):
        for name, datatype, shape in ours:
            theirs.add(name=name, datatype=datatype, shape=shape)
    return answer


def grpc_infer(pb, request, context):
    if request.model_name not in MODELS:
        context.abort(grpc.StatusCode.NOT_FOUND, "no model is called %s" % request.model_name)
    inputs = {tensor.name: (tensor.datatype, list(tensor.shape), data)
              for tensor, data in zip(request.inputs, request.raw_input_contents)}
    try:
        name, datatype, shape, data = infer(request.model_name, inputs)
    except Failure as failure:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(failure))
    answer = pb.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
    answer.outputs.add(name=name, datatype=datatype, shape=shape)
    answer.raw_output_contents.append(data)
    return answer


def serve_grpc(proto):
    pb = messages(proto)
    handlers = {
        "ModelMetadata": grpc.unary_unary_rpc_method_handler(
            lambda request, context: grpc_metadata(pb, request, context),
            pb.ModelMetadataRequest.FromString, lambda answer: answer.SerializeToString()),
        "ModelInfer": grpc.unary_unary_rpc_method_handler(
            lambda request, context: grpc_infer(pb, request, context),
            pb.ModelInferRequest.FromString, lambda answer: answer.SerializeToString()),
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


class Rest(http.server.BaseHTTPRequestHandler):
    """ModelMetadata and ModelInfer with the binary tensor extension."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, more=b"", fields=()):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value % len(text))
        self.send_header("Content-Length", str(len(text) + len(more)))
        self.end_headers()
        self.wfile.write(text + more)

    def do_GET(self):
        model = self.path.split("/")[-1]
        if not self.path.startswith("/v2/models/") or model not in MODELS:
            return self.answer(404, {"error": "no model is called %s" % model})
        tensors = [[dict(zip(("name", "datatype", "shape"), tensor)) for tensor in side] for side in MODELS[model]]
        return self.answer(200, {"name": model, "versions": ["1"], "platform": "python",
                                 "inputs": tensors[0], "outputs": tensors[1]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        length = int(self.headers["Inference-Header-Content-Length"])
        request, at, inputs = json.loads(body[:length]), length, {}
        for tensor in request["inputs"]:
            size = tensor["parameters"]["binary_data_size"]
            inputs[tensor["name"]] = (tensor["datatype"], tensor["shape"], body[at:at + size])
            at += size
        try:
            name, datatype, shape, data = infer(self.path.split("/")[3], inputs)
        except Failure as failure:
            return self.answer(400, {"error": str(failure)})
        return self.answer(200, {"model_name": self.path.split("/")[3], "outputs": [
            {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}]},
            data, (("Inference-Header-Content-Length", "%d"),))


def main():
    server, port = serve_grpc(sys.argv[1])
    rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    print("127.0.0.1:%d 127.0.0.1:%d" % (port, rest.server_port), flush=True)
    sys.stdin.read()
    server.stop(0)


main()
