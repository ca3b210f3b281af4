# SPDX-License-Identifier: Apache-2.0
"""Real `weft node` processes for tests in Python, their model directories, and TAP.

A test gets the build directory from WEFT_BUILD and the source directory from WEFT_SOURCE, which meson sets. Nodes
listen on free ports of 127.0.0.1 and end with their context; a node's log is shown where a test fails."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = pathlib.Path(os.environ.get("WEFT_BUILD", "build")).resolve()
SOURCE = pathlib.Path(os.environ.get("WEFT_SOURCE", pathlib.Path(__file__).resolve().parents[2])).resolve()
PROGRAM = BUILD / "src" / "cli" / "weft"
PLUGINS = BUILD / "plugins"
TEST_PLUGINS = BUILD / "tests" / "support"
REPOSITORY = SOURCE / "models" / "repository"
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60


def free_addresses(count):
    """Addresses that nobody listens on: all are held at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = ["127.0.0.1:%d" % held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return addresses


def tensor(name, datatype, dims):
    return '{ name: "%s" data_type: TYPE_%s dims: [ %s ] }' % (name, datatype, ", ".join(map(str, dims)))


def write_model(directory, name, plugin, inputs=(), outputs=(), extra=""):
    """A model directory NAME with the test plugin of that name as its model.so; inputs and outputs are (name, Triton's
    datatype, dims)."""
    version = pathlib.Path(directory) / name / "1"
    version.mkdir(parents=True)
    shutil.copy(TEST_PLUGINS / f"test-{plugin}.so", version / "model.so")
    text = f'name: "{name}"\n'
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for spec in tensors:
            text += f"{kind} [ {tensor(*spec)} ]\n"
    (version.parent / "config.pbtxt").write_text(text + extra)


class Node:
    def __init__(self, name, models=None, address=None, load=None, peers=None, pipelines=None, options=(), state=None):
        self.name = name
        self.address = address or free_addresses(1)[0]
        self.log = tempfile.NamedTemporaryFile(prefix=f"weft-{name}-", suffix=".log")
        command = [PROGRAM, "node", "--name", name, "--listen", self.address, "--plugins", PLUGINS]
        if models is not None:
            command += ["--models", models]
        for model in load or ():
            command += ["--load", model]
        for peer, where in (peers or {}).items():
            command += ["--peer", f"{peer}={where}"]
        if pipelines is not None:
            command += ["--pipelines", pipelines]
        if state is not None:
            command += ["--state", state]
        self.process = subprocess.Popen([str(word) for word in [*command, *options]], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        code = self.stop()
        if kind is not None:
            self.show_log()
        elif code != 0:
            self.show_log()
            raise AssertionError(f"node {self.name} ended with {code}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end"

    def kill(self):
        """Dies at once; the context's end then asks nothing more of it."""
        self.process.kill()
        self.process.wait()
        self.stop = lambda: 0

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def show_log(self):
        for line in self.log_text().splitlines()[-60:]:
            print(f"# {self.name}: {line}")

    def request(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers, body) of one HTTP request on a connection of its own."""
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get_json(self, path):
        status, _, body = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"GET {path} of {self.name}: {status} {body[:300]!r}")
        return json.loads(body)

    def metric(self, name, labels=""):
        """The sum of all series of that name whose labels contain the text."""
        _, _, body = self.request("GET", "/metrics")
        found = re.findall(r"^%s(?:\{(.*)\})? ([-+\d.e]+)$" % re.escape(name), body.decode(), re.MULTILINE)
        if not found:
            raise AssertionError(f"{self.name} has no metric {name}")
        return sum(float(value) for series, value in found if labels in series)

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024

    def wait_until_ready(self, path="/v2/health/ready"):
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            if self.process.poll() is not None:
                self.show_log()
                raise AssertionError(f"node {self.name} ended with {self.process.returncode}")
            try:
                status, _, _ = self.request("GET", path)
                if status == 200:
                    return self
            except OSError:
                pass
            if time.monotonic() > deadline:
                self.show_log()
                raise AssertionError(f"node {self.name} is not ready at {path}")
            time.sleep(0.02)


class Cluster:
    """Nodes that all know each other: name -> the keywords of Node. Ends them in reverse order."""

    def __init__(self, **nodes):
        addresses = dict(zip(nodes, free_addresses(len(nodes))))
        self.nodes = {}
        for name, keywords in nodes.items():
            peers = {other: where for other, where in addresses.items() if other != name}
            self.nodes[name] = Node(name, address=addresses[name], peers=peers, **keywords)

    def __enter__(self):
        for node in self.nodes.values():
            node.wait_until_ready()
        return self

    def __exit__(self, *why):
        troubles = []
        for node in reversed(list(self.nodes.values())):
            try:
                node.__exit__(*why)
            except AssertionError as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]

    def __getitem__(self, name):
        return self.nodes[name]


class Stories:
    """Prints TAP: `with stories.story("words"): assert …`. A failed story shows its trace and the run goes on."""

    def __init__(self):
        self.count = self.failed = 0

    def story(self, words):
        self.words = words
        return self

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.count += 1
        well = kind is None
        if kind is not None and not issubclass(kind, Exception):
            return False
        self.failed += not well
        print(f"{'' if well else 'not '}ok {self.count} - {self.words}", flush=True)
        if not well:
            for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
                print(f"# {line}", flush=True)
        return True

    def end(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed or not self.count else 0)
