# SPDX-License-Identifier: Apache-2.0
"""What the interop tests of the Open Inference Protocol call: two nodes, a model of each datatype, and a pipeline whose
two steps are on different nodes."""
import contextlib
import pathlib
import tempfile

from nodes import Cluster, write_model

DATATYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]
PIPELINE = """pipeline: twice
version: "7"
description: the same text through two mirrors on two nodes
inputs:
  text: { datatype: BYTES, shape: [-1] }
steps:
  near: { model: text, node: first, inputs: { text: text } }
  far: { model: words, node: second, inputs: { text: near.text } }
outputs: { text: far.text }
"""


@contextlib.contextmanager
def served():
    with tempfile.TemporaryDirectory(prefix="weft-oip-") as directory:
        first, second = pathlib.Path(directory, "first"), pathlib.Path(directory, "second")
        names = [(datatype.lower(), datatype, [-1, 2]) for datatype in DATATYPES]
        write_model(first, "types", "mirror", names, [("same_" + name, *rest) for name, *rest in names])
        write_model(first, "text", "mirror", [("text", "STRING", [-1])], [("text", "STRING", [-1])])
        write_model(second, "words", "mirror", [("text", "STRING", [-1])], [("text", "STRING", [-1])])
        write_model(first, "large", "mirror", [("data", "FP32", [-1])], [("data", "FP32", [-1])])
        pipelines = pathlib.Path(directory, "twice.yaml")
        pipelines.write_text(PIPELINE)
        with Cluster(first={"models": first, "pipelines": pipelines, "options": ["--log-level", "debug"]}, second={"models": second}) as cluster:
            cluster["first"].wait_until_ready("/v2/models/twice/ready")
            yield cluster["first"]
