#!/usr/bin/python3
"""Trains the networks of the portrait case: train.py [face|enhance|scene|judge|generate ...] [--minutes N] [--out DIR].

Each training has a fixed seed, prints its time and its held-out quality, and writes one ONNX file. Run
it with Debian's python3-torch, python3-onnx, python3-skimage, (for face) python3-opencv and (for scene's panoramas)
imagemagick with libmagickcore-6.q16-6-extra; one core is enough.
"""

import argparse
import importlib
import os
import time

import torch

MINUTES = {"face": 1, "enhance": 15, "scene": 13, "judge": 12, "generate": 42}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(MINUTES), metavar="network")
    parser.add_argument("--minutes", type=float, help="instead of each network's own")
    parser.add_argument("--out", default="/tmp/weft-train/out", help="folder for weights and ONNX files")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    torch.set_num_threads(1)
    for name in arguments.networks:
        start = time.time()
        importlib.import_module(name).train(arguments.out, arguments.minutes or MINUTES[name])
        print("%s: %.1f minutes in all" % (name, (time.time() - start) / 60), flush=True)


if __name__ == "__main__":
    main()
