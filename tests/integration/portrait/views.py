#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Scene recognition on a node: photographs of Debian's python3-skimage that its training never saw, drawn scenes in
other sizes and encodings, and what is in none of its scenes. Prints TAP."""
import io
import json
import pathlib
import sys

sys.dont_write_bytecode = True

import numpy as np
from PIL import Image

from nodes import REPOSITORY, SOURCE, Node, Stories

SKIMAGE = pathlib.Path("/usr/lib/python3/dist-packages/skimage/data")
DRAWN = SOURCE / "tests" / "integration" / "portrait" / "scenes"
# None of these was trained on. How often B is wrong on photographs says its card; these hold what it knows.
PHOTOGRAPHS = {"astronaut.png": "studio", "coffee.png": "unknown", "chelsea.png": "unknown", "rocket.jpg": "unknown"}


def encoded(image, kind):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def look(node, photo):
    """The answer of one inference: id, description, confidence, features."""
    body = len(photo).to_bytes(4, "little") + photo
    head = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                   "parameters": {"binary_data_size": len(body)}}]}).encode()
    status, _, answer = node.request("POST", "/v2/models/scene/infer", head + body, {
        "Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"})
    assert status == 200, answer
    return {output["name"]: output["data"] for output in json.loads(answer)["outputs"]}


def main():
    stories = Stories()
    with Node("B", models=REPOSITORY, load=["scene"], options=("--state", "")) as node:
        node.wait_until_ready()
        for name, scene in PHOTOGRAPHS.items():
            with stories.story(f"the photograph {name} is {scene}"):
                answer = look(node, (SKIMAGE / name).read_bytes())
                assert answer["id"] == [scene], answer
        for path in sorted(DRAWN.glob("*.jpg")):
            with stories.story(f"a drawn scene is {path.stem}, mirrored, as a small PNG and twice as large, too"):
                image = Image.open(path).convert("RGB")
                width, height = image.size
                for photo in (path.read_bytes(), encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG"),
                              encoded(image.resize((width // 2, height // 2)), "PNG"),
                              encoded(image.resize((2 * width, 2 * height)), "JPEG")):
                    assert look(node, photo)["id"] == [path.stem], look(node, photo)
        with stories.story("the features say the same scene as the id, and where none is sure, unknown"):
            names = ["beach", "forest", "mountains", "city", "desert", "studio", "meadow", "unknown"]
            noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3)).astype(np.uint8)
            for photo, scene in (((DRAWN / "beach.jpg").read_bytes(), "beach"),
                                 (encoded(Image.fromarray(noise), "PNG"), "unknown")):
                answer = look(node, photo)
                assert answer["id"] == [scene] and 0 < answer["confidence"][0] <= 1, answer
                assert len(answer["features"]) == 32, answer
                assert answer["features"][:8] == [float(name == scene) for name in names], answer
    stories.end()


if __name__ == "__main__":
    main()
