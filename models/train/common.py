"""What the trainings share: the export to ONNX with the names that config.pbtxt declares."""

import os

import onnx
import torch

OPSET = 16


def export(net, inputs, path, input_names, output_names, dynamic=None):
    """Writes one ONNX file and checks it."""
    net.eval()
    torch.onnx.export(net, inputs, path, input_names=input_names, output_names=output_names,
                      opset_version=OPSET, do_constant_folding=True, dynamic_axes=dynamic)
    model = onnx.load(path)
    model.producer_name = "weft"
    model.producer_version = ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def file_bytes(path):
    return os.path.getsize(path)
