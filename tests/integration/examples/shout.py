#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example of a model of one's own: built as its comment says, against nothing but the public headers, and served.
Prints TAP."""
import pathlib
import subprocess
import tempfile

from nodes import PROGRAM, SOURCE, Node, Stories


def main():
    stories = Stories()
    with tempfile.TemporaryDirectory(prefix="weft-shout-") as directory:
        models = pathlib.Path(directory, "models")
        version = models / "shout" / "1"
        version.mkdir(parents=True)
        with stories.story("the example is built with the public headers alone, without a warning"):
            subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", SOURCE / "include", "-o",
                            version / "model.so", SOURCE / "examples/plugin/shout.c"], check=True)
        with stories.story("a node serves it without any configuration"), Node("examples", models=models) as node:
            node.wait_until_ready()
            done = subprocess.run([PROGRAM, "run", "shout", "--server", node.address, "--input", "text=hello, weft"],
                                  capture_output=True, text=True, timeout=30, check=True)
            assert done.stdout == "loud: HELLO, WEFT\n", done.stdout
    stories.end()


main()
