#!/usr/bin/env python3
"""Small networks for the tests of the ONNX backend: `networks.py DIRECTORY` writes NAME.onnx for each.

The files are protocol buffers as onnx.proto describes them, written by hand, so that no package is needed."""
import os
import struct
import sys

TYPES = {"FP32": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "BYTES": 8, "BOOL": 9,
         "FP16": 10, "FP64": 11, "UINT32": 12, "UINT64": 13, "COMPLEX64": 14, "BF16": 16}


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """An integer, or bytes, text or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor_type(datatype, dims):
    """A TypeProto of a tensor; a dimension is a number or a name."""
    shape = b"".join(field(1, field(1 if isinstance(d, int) else 2, d)) for d in dims)
    return field(1, field(1, TYPES[datatype]) + field(2, shape))


def sequence_type(datatype):
    return field(4, field(1, tensor_type(datatype, [])))


def info(name, kind):
    return field(1, name) + field(2, kind)


def node(operator, inputs, outputs, attributes=b""):
    return b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(4, operator) + attributes


def graph_attribute(name, graph):
    return field(5, field(1, name) + field(6, graph) + field(20, 5))


def floats(name, values):
    return field(1, len(values)) + field(2, 1) + field(8, name) + field(9, struct.pack("<%df" % len(values), *values))


def graph(nodes, inputs, outputs, initializers=()):
    return b"".join(field(1, n) for n in nodes) + field(2, "graph") + b"".join(field(5, i) for i in initializers) + \
        b"".join(field(11, info(*i)) for i in inputs) + b"".join(field(12, info(*o)) for o in outputs)


def model(*parts):
    return field(1, 8) + field(7, graph(*parts)) + field(8, field(1, "") + field(2, 16))


def identity(datatype, dims):
    kind = tensor_type(datatype, dims)
    return model([node("Identity", ["in"], ["out"])], [("in", kind)], [("out", kind)])


def loop():
    """Adds one to x as often as `count` says."""
    scalar, one = tensor_type("INT64", []), tensor_type("FP32", [1])
    flag = tensor_type("BOOL", [])
    body = graph([node("Identity", ["go"], ["go_on"]), node("Add", ["before", "one"], ["after"])],
                 [("turn", scalar), ("go", flag), ("before", one)], [("go_on", flag), ("after", one)],
                 [floats("one", [1.0])])
    return model([node("Loop", ["count", "", "x"], ["y"], graph_attribute("body", body))],
                 [("count", scalar), ("x", one)], [("y", one)])


def networks():
    for datatype in TYPES:
        yield "type-" + datatype, identity(datatype, [2, 3])
    yield "strings", identity("BYTES", ["n"])
    yield "any", identity("FP32", ["n", 2])
    yield "huge", identity("FP32", [1 << 40, 1 << 40])
    yield "deep", identity("FP32", [1] * 9)
    yield "pixels", identity("UINT8", ["height", "width", 3])
    yield "small-pixels", identity("UINT8", [2, 2, 3])
    yield "expand", model([node("Expand", ["x", "shape"], ["y"])],
                          [("x", tensor_type("FP32", [1])), ("shape", tensor_type("INT64", [2]))],
                          [("y", tensor_type("FP32", ["a", "b"]))])
    # An input that is an output itself, and an output that no input has to do with.
    yield "handed", model([node("Identity", ["x"], ["y"])], [("x", tensor_type("FP32", ["n"]))],
                          [("x", tensor_type("FP32", ["n"])), ("y", tensor_type("FP32", ["n"])),
                           ("c", tensor_type("FP32", [2])), ("d", tensor_type("FP32", ["m"]))],
                          [floats("c", [1.5, 2.5]), floats("d", [3.5])])
    yield "sequence", model([node("SequenceConstruct", ["x"], ["s"]), node("Identity", ["x"], ["y"])],
                            [("x", tensor_type("FP32", [2]))],
                            [("s", sequence_type("FP32")), ("y", tensor_type("FP32", [2]))])
    yield "loop", loop()
    yield "cut", identity("FP32", [2, 3])[:-20]
    yield "text", b"this is no network\n"
    yield "empty", b""
    yield "unknown-operator", model([node("Frobnicate", ["in"], ["out"])], [("in", tensor_type("FP32", [2]))],
                                    [("out", tensor_type("FP32", [2]))])


def main():
    for name, content in networks():
        with open(os.path.join(sys.argv[1], name + ".onnx"), "wb") as file:
            file.write(content)
    with open(os.path.join(sys.argv[1], "networks.stamp"), "w") as file:
        file.write("made\n")


main()
