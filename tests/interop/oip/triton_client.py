#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's tritonclient, over HTTP and over gRPC, against our door: triton_client.py http|grpc. Prints TAP."""
import sys

sys.dont_write_bytecode = True

import numpy as np
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from served import served
from nodes import Stories

PROTOCOL = sys.argv[1]
if PROTOCOL == "http":
    import tritonclient.http as triton
else:
    import tritonclient.grpc as triton

DTYPES = {"bool": np.bool_, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64,
          "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64, "fp16": np.float16,
          "fp32": np.float32, "fp64": np.float64}


def infer_input(name, array, **options):
    tensor = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array, **options)
    return tensor


def typed_arrays(random):
    return {name: (random.integers(0, 2, (3, 2)) if dtype == np.bool_ else random.integers(0, 100, (3, 2))).astype(dtype)
            for name, dtype in DTYPES.items()}


def words(*texts):
    return np.array([text.encode() for text in texts], dtype=np.object_)


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return error
    raise AssertionError("it was not refused")


def metadata_of(client, model, **options):
    """As a plain dictionary, whichever protocol."""
    return client.get_model_metadata(model, **options) if PROTOCOL == "http" else \
        client.get_model_metadata(model, as_json=True, **options)


def both(stories, client):
    random = np.random.default_rng(1)
    with stories.story("the server is live and ready"):
        assert client.is_server_live() and client.is_server_ready()
    with stories.story("a model and a pipeline are ready, a stranger is not"):
        assert client.is_model_ready("types") and client.is_model_ready("twice") and client.is_model_ready("words")
        assert client.is_model_ready("types", "1") and client.is_model_ready("twice", "7")
        assert not client.is_model_ready("types", "9")
        try:
            assert not client.is_model_ready("nobody")
        except InferenceServerException:
            pass
    with stories.story("the server says what it is"):
        metadata = client.get_server_metadata() if PROTOCOL == "http" else client.get_server_metadata(as_json=True)
        assert metadata["name"] == "weft" and metadata["version"], metadata
    with stories.story("a model's metadata names tensors, datatypes and shapes"):
        metadata = metadata_of(client, "types")
        assert metadata["name"] == "types" and metadata["versions"] == ["1"], metadata
        inputs = {tensor["name"]: tensor for tensor in metadata["inputs"]}
        assert inputs["fp32"]["datatype"] == "FP32" and [int(dim) for dim in inputs["fp32"]["shape"]] == [-1, 2], inputs
        assert len(metadata["outputs"]) == len(DTYPES)
    with stories.story("a pipeline's metadata is like a model's"):
        metadata = metadata_of(client, "twice")
        assert metadata["platform"] == "weft_pipeline" and metadata["versions"] == ["7"], metadata
        assert metadata["inputs"][0]["name"] == "text" and metadata["outputs"][0]["datatype"] == "BYTES", metadata
    with stories.story("every datatype goes there and back, in binary"):
        arrays = typed_arrays(random)
        result = client.infer("types", [infer_input(name, array) for name, array in arrays.items()])
        for name, array in arrays.items():
            back = result.as_numpy("same_" + name)
            assert back.dtype == array.dtype and np.array_equal(back, array), name
    with stories.story("texts in any script go through the pipeline's two nodes"):
        texts = words("weft", "纬线", "", "naïve café", "x" * 100000)
        result = client.infer("twice", [infer_input("text", texts)], request_id="woof-1")
        assert list(result.as_numpy("text")) == list(texts)
        response = result.get_response()
        assert (response["id"] if PROTOCOL == "http" else response.id) == "woof-1"
    with stories.story("only the outputs that are asked for come back"):
        arrays = typed_arrays(random)
        result = client.infer("types", [infer_input(name, array) for name, array in arrays.items()],
                              outputs=[triton.InferRequestedOutput("same_int32")])
        assert np.array_equal(result.as_numpy("same_int32"), arrays["int32"])
        assert result.as_numpy("same_fp32") is None
    with stories.story("48 MiB go there and back"):
        large = random.random(12 * 1024 * 1024, dtype=np.float32)
        assert np.array_equal(client.infer("large", [infer_input("data", large)]).as_numpy("data"), large)
    with stories.story("an empty tensor goes there and back"):
        empty = np.zeros(0, np.float32)
        assert client.infer("large", [infer_input("data", empty)]).as_numpy("data").shape == (0,)
    with stories.story("an unknown model is refused by its name, with what was probably meant"):
        error = refused(lambda: client.infer("txt", [infer_input("text", words("a"))]))
        assert "txt" in error.message() and "text" in error.message(), error
    with stories.story("a wrong datatype, a wrong shape and an unknown input are refused by their names"):
        error = refused(lambda: client.infer("text", [infer_input("text", np.zeros(3, np.float32))]))
        assert "BYTES" in error.message() and "FP32" in error.message(), error
        error = refused(lambda: client.infer("large", [infer_input("data", np.zeros((2, 3), np.float32))]))
        assert "[2,3]" in error.message().replace(" ", ""), error
        error = refused(lambda: client.infer("large", [infer_input("dta", np.zeros(3, np.float32))]))
        assert "dta" in error.message(), error
    with stories.story("a missing input is refused by its name"):
        error = refused(lambda: client.infer("types", [infer_input("fp32", np.zeros((1, 2), np.float32))]))
        assert "bool" in error.message(), error
    with stories.story("a model that fails says why, and the next call works"):
        error = refused(lambda: client.infer("text", [infer_input("text", words("a"))], parameters={"behave": "fail"}))
        assert "the mirror was told to fail" in error.message(), error
        assert list(client.infer("text", [infer_input("text", words("a"))]).as_numpy("text")) == [b"a"]
    with stories.story("the repository lists what there is, unloads and loads"):
        index = client.get_model_repository_index() if PROTOCOL == "http" else \
            client.get_model_repository_index(as_json=True)["models"]
        assert {"large", "text", "types"} <= {entry["name"] for entry in index}, index
        client.unload_model("large")
        assert not client.is_model_ready("large")
        refused(lambda: client.infer("large", [infer_input("data", np.zeros(3, np.float32))]))
        client.load_model("large")
        assert client.is_model_ready("large")
        refused(lambda: client.load_model("nobody"))
        refused(lambda: client.load_model("../first/large"))


def only_http(stories, client):
    with stories.story("JSON data go in and come out where binary is not asked for"):
        array = np.arange(6, dtype=np.int32).astype(np.float32)
        result = client.infer("large", [infer_input("data", array, binary_data=False)],
                              outputs=[triton.InferRequestedOutput("data", binary_data=False)])
        assert "data" in result.get_response()["outputs"][0] and np.array_equal(result.as_numpy("data"), array)
        texts = words("ä", "b")
        result = client.infer("text", [infer_input("text", texts, binary_data=False)],
                              outputs=[triton.InferRequestedOutput("text", binary_data=False)])
        assert list(result.as_numpy("text")) == ["ä", "b"] or list(result.as_numpy("text")) == list(texts)
    for algorithm in ("gzip", "deflate"):
        with stories.story(f"request and response bodies in {algorithm}"):
            zeroes = np.zeros(100000, np.float32)
            result = client.infer("large", [infer_input("data", zeroes)], request_compression_algorithm=algorithm,
                                  response_compression_algorithm=algorithm)
            assert np.array_equal(result.as_numpy("data"), zeroes)
    with stories.story("asynchronous calls end with their own answers"):
        calls = [client.async_infer("text", [infer_input("text", words(str(i)))]) for i in range(16)]
        assert [call.get_result().as_numpy("text")[0] for call in calls] == [str(i).encode() for i in range(16)]


def only_grpc(stories, client):
    with stories.story("a call in gzip is answered"):
        zeroes = np.zeros(100000, np.float32)
        result = client.infer("large", [infer_input("data", zeroes)], compression_algorithm="gzip")
        assert np.array_equal(result.as_numpy("data"), zeroes)
    with stories.story("a client's deadline ends a model that hangs"):
        error = refused(lambda: client.infer("text", [infer_input("text", words("a"))], parameters={"behave": "hang"},
                                             client_timeout=0.5))
        assert "DEADLINE_EXCEEDED" in str(error.status()) or "Deadline" in error.message(), error
        assert list(client.infer("text", [infer_input("text", words("b"))]).as_numpy("text")) == [b"b"]
    with stories.story("asynchronous calls end with their own answers"):
        import queue
        answers = queue.Queue()
        for i in range(16):
            client.async_infer("text", [infer_input("text", words(str(i)))], request_id=str(i),
                               callback=lambda result, error: answers.put((result, error)))
        seen = {}
        for _ in range(16):
            result, error = answers.get(timeout=20)
            assert error is None, error
            seen[result.get_response().id] = result.as_numpy("text")[0]
        assert seen == {str(i): str(i).encode() for i in range(16)}
    with stories.story("a stream of requests is answered, errors too"):
        import queue
        answers = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)))
        for text in ("one", "two", "three"):
            client.async_stream_infer("text", [infer_input("text", words(text))])
        client.async_stream_infer("txt", [infer_input("text", words("four"))])
        results = [answers.get(timeout=20) for _ in range(4)]
        client.stop_stream()
        assert sorted(result.as_numpy("text")[0] for result, error in results if error is None) == \
            [b"one", b"three", b"two"]
        assert ["txt" in error.message() for result, error in results if error is not None] == [True]


def main():
    stories = Stories()
    with served() as node:
        options = {"concurrency": 16} if PROTOCOL == "http" else {}
        with triton.InferenceServerClient(node.address, **options) as client:
            both(stories, client)
            (only_http if PROTOCOL == "http" else only_grpc)(stories, client)
    stories.end()


main()
