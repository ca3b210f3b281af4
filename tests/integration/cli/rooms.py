# SPDX-License-Identifier: Apache-2.0
"""What the stories of the command line stand on: a directory of their own, model directories, cluster files, and the
program. TAP on standard output."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

WEFT = os.environ["WEFT_TEST_PROGRAM"]
PATIENT = os.environ["WEFT_TEST_PATIENT"]
SOURCE = pathlib.Path(os.environ["WEFT_TEST_SOURCE"])
# What nobody waits for in a run that works; a machine that is busy may need seconds for what takes milliseconds.
PATIENCE_S = 30

CONFIG = """name: "{name}"
backend: "patient"
input [ {{ name: "payload" data_type: TYPE_UINT8 dims: [ -1 ] }} ]
output [ {{ name: "payload" data_type: TYPE_UINT8 dims: [ -1 ] }} ]
parameters {{ key: "delay_ms" value: {{ string_value: "{delay_ms}" }} }}
parameters {{ key: "broken" value: {{ string_value: "{broken}" }} }}
parameters {{ key: "failing" value: {{ string_value: "{failing}" }} }}
"""

PIPELINE = """pipeline: twice
inputs:
  payload: { datatype: UINT8, shape: [-1] }
steps:
  first: { model: echo, inputs: { payload: payload } }
  second: { model: other, inputs: { payload: first.payload } }
outputs:
  payload: second.payload
"""


def free_ports(count):
    """Ports that nobody has now, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class Room:
    """A directory with files, and an environment in which the program finds nothing else."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="weft-cli-"))
        (self.path / "run").mkdir(mode=0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.path / "run"),
                                XDG_STATE_HOME=str(self.path / "state"))
        self.children = []

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        for pid_file in self.path.glob("run/weft/*/*.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def model(self, name, delay_ms=0, broken=False, failing=False):
        version = self.path / "models" / name / "1"
        version.mkdir(parents=True, exist_ok=True)
        shutil.copy(PATIENT, version / "model.so")
        self.write(f"models/{name}/config.pbtxt",
                   CONFIG.format(name=name, delay_ms=delay_ms, broken=str(broken).lower(),
                                 failing=str(failing).lower()))

    def cluster(self, nodes, name="room", pipelines=()):
        """nodes: name -> models to load. The last one is the gateway. Returns the file and name -> address."""
        (self.path / "models").mkdir(exist_ok=True)
        addresses = dict(zip(nodes, (f"127.0.0.1:{port}" for port in free_ports(len(nodes)))))
        lines = [f"cluster: {name}", f"gateway: {list(nodes)[-1]}", "models: models",
                 f"pipelines: {json.dumps(list(pipelines))}", "nodes:"]
        lines += [f"  {node}: {{ listen: '{addresses[node]}', load: {json.dumps(models)} }}"
                  for node, models in nodes.items()]
        return self.write(f"{name}.yaml", "\n".join(lines) + "\n"), addresses

    def run(self, *arguments, timeout=PATIENCE_S):
        """The program to its end."""
        return subprocess.run([WEFT, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              env=self.environment, cwd=self.path, check=False)

    def start(self, *arguments):
        child = subprocess.Popen([WEFT, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, env=self.environment, cwd=self.path)
        self.children.append(child)
        return child

    def node(self, *arguments):
        """A node that is ready, and its address."""
        address = f"127.0.0.1:{free_ports(1)[0]}"
        child = self.start("node", "--listen", address, *arguments)
        eventually(lambda: get(address, "/v2/health/ready")[0] == 200, f"the node at {address} is ready", child)
        return child, address


def eventually(holds, words, child=None):
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if child is not None and child.poll() is not None:
            raise AssertionError(f"{words}: it ended with {child.returncode}: {child.communicate()[1]}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {words}")
        time.sleep(0.01)


def get(address, target, body=None):
    """Status and text; (0, reason) where nobody answers."""
    request = urllib.request.Request(f"http://{address}{target}", data=body and json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def infer(address, model, numbers):
    tensor = {"name": "payload", "datatype": "UINT8", "shape": [len(numbers)], "data": numbers}
    return get(address, f"/v2/models/{model}/infer", {"inputs": [tensor]})


def is_alive(pid):
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def has(text, *parts):
    for part in parts:
        assert part in text, f"no {part!r} in: {text}"


def equal(seen, wanted, why=""):
    assert seen == wanted, f"{seen!r} is not {wanted!r} {why}"


def tell(stories):
    """Runs each story in a room of its own; the exit code says whether one failed."""
    print(f"1..{len(stories)}")
    failed = False
    for number, story in enumerate(stories, 1):
        words = story.__doc__.strip().split("\n")[0].rstrip(".")
        room = Room()
        try:
            story(room)
            print(f"ok {number} - {words}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {number} - {words}", flush=True)
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
        finally:
            room.close()
    sys.exit(failed)
