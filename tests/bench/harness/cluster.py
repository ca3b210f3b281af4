# SPDX-License-Identifier: Apache-2.0
"""Real `weft node` processes for a bench: their models, pipelines, addresses, and what `/metrics` says."""
import re
import shutil
import socket
import time
import urllib.error
import urllib.request

from .process import BenchError

# Within the build directory.
PROGRAM = "src/cli/weft"
READY_TIMEOUT_S = 20
HTTP_TIMEOUT_S = 5

# Whatever proxy the environment names: nodes are on this machine.
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))

PIPELINE = """pipeline: chain
inputs:
  payload: {{ datatype: UINT8, shape: [-1] }}
steps:
{steps}outputs:
  payload: step4.payload
"""
STEP = """  step{number}: {{ model: identity, node: n{number}, inputs: {{ payload: {source} }} }}
"""


def free_address():
    """An address that nobody listens on now; a bench's machine is quiet enough for it to stay so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def write_models(bench, directory, names):
    """A model directory in Triton's layout with the plugins that the benches bring."""
    for name in names:
        version = directory / name / "1"
        version.mkdir(parents=True)
        shutil.copy(bench.build / "tests" / "bench" / "weft" / f"bench-{name}.so", version / "model.so")
        (directory / name / "config.pbtxt").write_text(f'name: "{name}"\nbackend: "bench-{name}"\n')


class Node:
    """One node process. peers: the other nodes of its cluster, name -> address."""

    def __init__(self, bench, name, cpu, models, address=None, peers=None, pipelines=None):
        self.address = address or free_address()
        models_directory = bench.scratch / name / "models"
        write_models(bench, models_directory, models)
        command = [bench.build / PROGRAM, "node", "--name", name, "--listen", self.address, "--models",
                   models_directory]
        for peer, peer_address in (peers or {}).items():
            command += ["--peer", f"{peer}={peer_address}"]
        if pipelines is not None:
            command += ["--pipelines", pipelines]
        self.server = bench.serve(command, cpu, says_ready=False)
        self.pid = self.server.pid

    def wait_until_ready(self, path="/v2/health/ready"):
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            self.server.check()
            try:
                with LOOPBACK.open(f"http://{self.address}{path}", timeout=HTTP_TIMEOUT_S):
                    return self
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline:
                    raise BenchError(f"http://{self.address}{path} is not ready: {error}") from None
            time.sleep(0.05)

    def copied_bytes(self):
        """What the node has copied in user space since it started."""
        with LOOPBACK.open(f"http://{self.address}/metrics", timeout=HTTP_TIMEOUT_S) as answer:
            seen = re.search(r"^weft_copied_bytes_total(?:\{[^}]*\})? ([\d.e+]+)$", answer.read().decode(), re.MULTILINE)
        if seen is None:
            raise BenchError("/metrics has no weft_copied_bytes_total")
        return float(seen.group(1))


def node_with_models(bench, name, cpu, models):
    return Node(bench, name, cpu, models).wait_until_ready()


def chain_of_nodes(bench, cpus):
    """Four nodes n1 to n4 that all know each other, and a pipeline with one identity step on each. n1 has the door."""
    addresses = {f"n{i + 1}": free_address() for i in range(len(cpus))}
    pipelines = bench.scratch / "pipelines"
    pipelines.mkdir(exist_ok=True)
    sources = ["payload"] + [f"step{i}.payload" for i in range(1, len(cpus))]
    steps = "".join(STEP.format(number=i + 1, source=source) for i, source in enumerate(sources))
    (pipelines / "chain.yaml").write_text(PIPELINE.format(steps=steps))
    nodes = []
    for (name, address), cpu in zip(addresses.items(), cpus):
        peers = {other: where for other, where in addresses.items() if other != name}
        shutil.rmtree(bench.scratch / name, ignore_errors=True)
        nodes.append(Node(bench, name, cpu, ["identity"], address, peers, pipelines if name == "n1" else None))
    for node in nodes:
        node.wait_until_ready()
    nodes[0].wait_until_ready("/v2/models/chain/ready")
    return nodes
