#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo as a user runs it: `./run demo` from the source directory, on four nodes, again, and in one process; what it
writes, prints and says afterwards. Prints TAP."""
import json
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True

from nodes import SOURCE, Stories
from PIL import Image

OUT = SOURCE / "out"
ADDRESSES = [f"127.0.0.{i}" for i in range(11, 16)]
STEPS = {"recognise": ("face", "A"), "place": ("scene", "B"), "generate": ("generate", "C"), "enhance": ("enhance", "D")}


def demo(*options):
    started = time.monotonic()
    done = subprocess.run([SOURCE / "run", "demo", *options], cwd=SOURCE, capture_output=True, text=True, timeout=300,
                          check=False)
    return done, time.monotonic() - started


def nodes_left():
    """Command lines of nodes that still listen where the demo's do."""
    lines = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[1:2] == ["node"] and any(f"{address}:8000" in words for address in ADDRESSES):
            lines.append(" ".join(words))
    return lines


def last_line(done):
    match = re.fullmatch(r"portrait: 4 steps on (\d) nodes?, (\d+) ms, (\d+) bytes between nodes",
                         done.stdout.rstrip("\n").splitlines()[-1])
    assert match, done.stdout + done.stderr
    return tuple(map(int, match.groups()))


def step_times():
    return {step["step"]: (step["start_ns"], step["end_ns"]) for step in run_record()["steps"]}


def overlap(one, other):
    return one[0] < other[1] and other[0] < one[1]


def run_record():
    return json.loads((OUT / "run.json").read_text())


def main():
    stories = Stories()
    picture = OUT / "portrait.png"
    first_picture = None
    with stories.story("the demo makes a picture on four nodes and says how"):
        done, _ = demo()
        assert done.returncode == 0, done.stdout + done.stderr
        nodes, ms, between = last_line(done)
        assert nodes == 4 and ms > 0
        image = Image.open(picture)
        assert image.size == (1024, 1024) and image.mode == "RGB", (image.size, image.mode)
        first_picture = picture.read_bytes()
        record = run_record()
        assert {step["step"]: (step["model"], step["node"]) for step in record["steps"]} == STEPS, record["steps"]
        assert len({step["pid"] for step in record["steps"]}) == 4
        for name, (model, node) in STEPS.items():
            assert re.search(rf"{name}.*\b{node}\b", done.stdout), done.stdout
        # Socket bytes hold at least what the values between nodes are long.
        crossed = [edge for edge in record["edges"] if edge["producer"] and edge["consumer"] and not edge["shared"]]
        assert between == record["between_nodes_bytes"] >= sum(edge["wire_bytes"] for edge in crossed) > 500000, between
        assert {edge["lane_used"] for edge in crossed} == {"grpc"}, crossed
    with stories.story("A and B ran at the same time, C after both, D after C"):
        times = step_times()
        # B needs some milliseconds only: on a busy machine A can wake up so late that it misses them.
        for _ in range(4):
            if overlap(times["recognise"], times["place"]):
                break
            assert demo()[0].returncode == 0
            times = step_times()
        assert overlap(times["recognise"], times["place"]), times
        assert times["generate"][0] >= max(times["recognise"][1], times["place"][1]) - 1000000, times
        assert times["enhance"][0] >= times["generate"][1] - 1000000, times
    with stories.story("the photograph goes in and the picture comes out at the gateway, and nothing else"):
        record = run_record()
        photo = pathlib.Path("/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg").stat().st_size
        gateway = record["gateway"]
        # Two steps take the photograph; 1024 x 1024 x 3 come back, with some words.
        assert gateway["bytes_out"] < 2 * photo + 1000, (gateway, photo)
        assert 3 << 20 <= gateway["bytes_in"] < (3 << 20) + 10000, gateway
    with stories.story("a second run gives the same picture"):
        done, seconds = demo()
        assert done.returncode == 0, done.stdout + done.stderr
        print(f"# the second run took {seconds:.1f} s, start and stop included")
        assert picture.read_bytes() == first_picture
    with stories.story("in one process it is the same picture, bit for bit, and nothing crosses"):
        done, _ = demo("--nodes", "1")
        assert done.returncode == 0, done.stdout + done.stderr
        assert last_line(done)[0] == 1 and last_line(done)[2] == 0, done.stdout
        assert picture.read_bytes() == first_picture
        assert len({step["pid"] for step in run_record()["steps"]}) == 1
    with stories.story("another seed makes another picture"):
        done, _ = demo("--nodes", "1", "--seed", "2")
        assert done.returncode == 0 and picture.read_bytes() != first_picture, done.stderr
    with stories.story("a file that is no picture is refused with words, and nothing is left running"):
        done, _ = demo("--nodes", "1", "--photo", str(SOURCE / "run"))
        assert done.returncode != 0 and "neither a JPEG nor a PNG" in done.stderr, done.stderr
        assert "portrait:" not in done.stdout
        assert not (left := nodes_left()), left
    stories.end()


main()
