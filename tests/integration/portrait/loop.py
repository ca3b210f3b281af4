#!/usr/bin/python3
"""The portrait case closes its loop: what A and B say of the photograph, they say of the picture made of it.

loop.py runs the pipeline `portrait` on four nodes of its own, and the models `face` and `scene`, all through the
gateway, over the Open Inference Protocol's REST form with its binary tensors.
For real persons before each kind of drawn scene: A finds one face in the result, at the asked place, with
the same id; B names the same scene; another person, scene or seed gives another picture, the same ones give
the same picture. Prints TAP. Needs Debian's python3-skimage and python-matplotlib-data for the persons.
"""

import argparse
import http.client
import io
import json
import os
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True

import numpy as np
from PIL import Image

from nodes import REPOSITORY, SOURCE, Cluster

HERE = os.path.dirname(os.path.abspath(__file__))
PERSONS = {
    "astronaut": "/usr/lib/python3/dist-packages/skimage/data/astronaut.png",
    "admiral": "/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg",
}
SCENES = ["beach", "forest", "mountains", "city", "desert", "studio", "meadow", "unknown"]
TYPES = {"UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32}
# How far the found face's middle may lie from the asked place, and its part of the picture.
NEAR = 0.05


def raw(value):
    """A tensor's datatype, shape and bytes: bytes are one BYTES element."""
    if isinstance(value, bytes):
        return "BYTES", [1], len(value).to_bytes(4, "little") + value
    name = [n for n, t in TYPES.items() if value.dtype == t][0]
    return name, list(value.shape), value.tobytes()


def call(url, model, inputs, parameters=None):
    """One inference; the outputs by name. Raises with the server's words if it fails."""
    head, body = {"inputs": [], "parameters": {"binary_data_output": True, **(parameters or {})}}, b""
    for name, value in inputs.items():
        datatype, shape, data = raw(value)
        head["inputs"].append({"name": name, "datatype": datatype, "shape": shape,
                               "parameters": {"binary_data_size": len(data)}})
        body += data
    text = json.dumps(head).encode()
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request("POST", "/v2/models/%s/infer" % model, text + body,
                       {"Inference-Header-Content-Length": str(len(text)), "Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    data = answer.read()
    length = int(answer.getheader("Inference-Header-Content-Length") or len(data))
    if answer.status != 200:
        raise RuntimeError("%s: HTTP %d: %s" % (model, answer.status, data.decode(errors="replace")))
    outputs, at = {}, length
    for tensor in json.loads(data[:length])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        part = data[at:at + size]
        at += size
        outputs[tensor["name"]] = part[4:].decode() if tensor["datatype"] == "BYTES" else \
            np.frombuffer(part, TYPES[tensor["datatype"]]).reshape(tensor["shape"])
    return outputs


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def before_scene(cut, scene):
    """A photograph of the person before a drawn scene, the face in its middle third."""
    background = Image.open(os.path.join(HERE, "scenes", scene + ".jpg")).resize((640, 640), Image.BICUBIC)
    crop, matte = Image.fromarray(cut["crop"]), Image.fromarray(cut["matte"])
    background.paste(crop, (70, 640 - 384), matte)
    return png(np.asarray(background))


class Suite:
    def __init__(self):
        self.count, self.failed = 0, 0

    def story(self, name, good, why=""):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s%s" % ("" if good else "not ", self.count, name, "" if good else " # " + why), flush=True)


def check(suite, arguments, name, photo, person, scene, seed, place):
    """Runs the pipeline and closes the loop; returns the picture."""
    made = call(arguments.gateway, "portrait", {"photo": photo, "seed": np.array([seed], np.int64),
                                                "position": np.array(place, np.float32)})
    picture = png(made["image"])
    who = call(arguments.face, "face", {"photo": picture})
    where = call(arguments.scene, "scene", {"image": picture})
    height, width = made["image"].shape[:2]
    x = (who["box"][0] + who["box"][2] / 2) / width
    y = (who["box"][1] + who["box"][3] / 2) / height
    told = "id %s (%.2f), %d faces, at %.2f %.2f; scene %s then %s" % (
        who["id"], who["score"][0], who["count"][0], x, y, made["scene"], where["id"])
    good = who["id"] == person and who["count"][0] == 1 and where["id"] == scene and made["scene"] == scene \
        and made["person"] == person and abs(x - place[0]) < NEAR and abs(y - place[1]) < NEAR
    suite.story(name, good, told)
    if arguments.keep:
        with open(os.path.join(arguments.keep, name.replace(" ", "-") + ".png"), "wb") as file:
            file.write(picture)
    return made["image"].tobytes()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", help="folder for the pictures, to be looked at")
    keep = parser.parse_args().keep
    models = {"A": "face", "B": "scene", "C": "generate", "D": "enhance"}
    with tempfile.TemporaryDirectory(prefix="weft-loop-") as state:
        nodes = {name: {"models": REPOSITORY, "load": [model], "state": state} for name, model in models.items()}
        with Cluster(**nodes, gateway={"pipelines": SOURCE / "examples/portrait/portrait.yaml"}) as cluster:
            gateway = cluster["gateway"].wait_until_ready("/v2/models/portrait/ready")
            suite = Suite()
            close_the_loop(suite, "http://" + gateway.address, keep)
            read_the_metrics(suite, cluster, models)
            print("1..%d" % suite.count)
            raise SystemExit(suite.failed > 0)


def read_the_metrics(suite, cluster, models):
    """What the nodes' metrics say of the requests that they have served."""
    gateway, pipeline = cluster["gateway"], 'pipeline="portrait"'
    requests = gateway.metric("weft_requests_total", pipeline + ',status="OK"')
    whole_s = gateway.metric("weft_request_duration_seconds_sum", pipeline)
    for producer, consumer in (("recognise", "generate"), ("place", "generate"), ("generate", "enhance")):
        edge = '%s,producer="%s",consumer="%s"' % (pipeline, producer, consumer)
        edges = 0
        for _ in range(100):  # a request's reports may come after its answer
            edges = gateway.metric("weft_edge_seconds_count", edge)
            if edges >= requests:
                break
            time.sleep(0.05)
        edge_s = gateway.metric("weft_edge_seconds_sum", edge)
        suite.story("the edge from %s to %s counts every request" % (producer, consumer),
                    edges == requests > 0 and 0 < edge_s < whole_s, f"{edges} of {requests}, {edge_s} of {whole_s} s")
    for node, model in models.items():
        held = cluster[node].metric("weft_model_memory_bytes", 'model="%s",version="1"' % model)
        file_bytes = sum(file.stat().st_size for file in (REPOSITORY / model / "1").iterdir())
        suite.story("the model %s holds its weights in memory" % model,
                    file_bytes * 0.9 < held < cluster[node].resident_bytes(), f"{held} of a file of {file_bytes}")


def close_the_loop(suite, gateway, keep):
    arguments = argparse.Namespace(gateway=gateway, face=gateway, scene=gateway, keep=keep)
    pictures = {}
    for person, path in PERSONS.items():
        cut = call(arguments.face, "face", {"photo": read(path)}, {"enroll": person})
        suite.story("%s is enrolled" % person, cut["id"] == person, cut["id"])
        for scene in SCENES:
            photo = before_scene(cut, scene)
            for seed, place in ((1, (0.42, 0.47)), (2, (0.60, 0.52))):
                name = "%s at %s with seed %d" % (person, scene, seed)
                pictures[person, scene, seed] = check(suite, arguments, name, photo, person, scene, seed, place)
        again = call(arguments.gateway, "portrait", {"photo": before_scene(cut, "beach"), "seed": np.array([1], np.int64),
                                                     "position": np.array((0.42, 0.47), np.float32)})
        suite.story("%s again gives the same picture" % person, again["image"].tobytes() == pictures[person, "beach", 1])
        check(suite, arguments, "%s as the photograph is" % person, read(path), person, "studio", 1, (0.42, 0.47))
    suite.story("every person, scene and seed gives a picture of its own", len(set(pictures.values())) == len(pictures))


if __name__ == "__main__":
    main()
