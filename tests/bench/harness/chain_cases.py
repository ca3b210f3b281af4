# SPDX-License-Identifier: Apache-2.0
"""The cases of `./run bench chain`: four identity steps on four nodes, and what nodes cost that have nothing to do."""
import time

from .bench import PEERS
from .cluster import PROGRAM, chain_of_nodes, node_with_models
from .idle import hold_idle_connections
from .process import resident_bytes, run_json, voluntary_switches
from .result import print_line, progress

PAYLOAD_BYTES = 10 * 1024
NODES = 4
IDLE_CONNECTIONS = 1000
IDLE_SECONDS, IDLE_SECONDS_QUICK = 10, 2
# After its start, or after a thousand calls, a node has loose ends for a moment; then it is idle.
SETTLE_SECONDS = 2


def run(bench):
    bench.compile(["bench-programs", PROGRAM])
    for placement in ("split", "same"):
        if bench.wants(f"chain4-10KB@{placement}"):
            with bench.case(f"chain4-10KB@{placement}"):
                chain(bench, placement)
    if bench.wants("idle"):
        with bench.case("idle"):
            idle_nodes(bench)
        with bench.case("idle-connection"):
            idle_connection(bench)


def chain(bench, placement):
    along = bench.cpus_along(placement, NODES + 1)
    client_cpu, node_cpus = along[0], along[1:]
    calls, warmup = bench.calls(5000, 1000), bench.calls(1000, 300)
    first = chain_of_nodes(bench, node_cpus)[0]

    def weft():
        command = [bench.weft("call-client"), "--address", first.address, "--oip", "chain,payload,UINT8", "--size",
                   PAYLOAD_BYTES, "--calls", calls, "--warmup", warmup, "--same-host"]
        return run_json(command, client_cpu)["p50_ns"] / 1000

    def tcp():
        command = [bench.peer("tcp-chain"), "--cpus", ",".join(map(str, along)), "--size", PAYLOAD_BYTES, "--calls",
                   calls, "--warmup", warmup, "--congestion", "reno"]
        return run_json(command, client_cpu)["p50_ns"] / 1000

    # The article's data goes client -> service -> client -> service, so all services are on the client's other CPU.
    service_cpu = along[1]
    services = [bench.serve([PEERS / "article_service.py"], service_cpu).address for _ in range(NODES)]

    def article():
        command = [PEERS / "article_client.py", PAYLOAD_BYTES, bench.calls(1000, 300), 200, *services]
        return run_json(command, client_cpu)["p50_ns"] / 1000

    values = bench.interleave({"weft": weft, "article-python": article, "tcp-chain": tcp})
    for peer in ("article-python", "tcp-chain"):
        print_line(bench.name, f"chain4-10KB@{placement}", "p50", "us", values["weft"], peer, values[peer])


def idle_nodes(bench):
    """Four nodes that know each other: each has three connected peers."""
    nodes = chain_of_nodes(bench, bench.cpus_along("split", NODES))
    # One request makes every connection that the pipeline needs, so that the nodes are not idle for want of peers.
    run_json([bench.weft("call-client"), "--address", nodes[0].address, "--oip", "chain,payload,UINT8", "--size",
              PAYLOAD_BYTES, "--calls", 1, "--warmup", 0], bench.cpus[0])
    time.sleep(SETTLE_SECONDS)
    seconds = bench.calls(IDLE_SECONDS, IDLE_SECONDS_QUICK)
    wakeups, resident = [], []
    for _ in range(bench.rounds):
        before = [voluntary_switches(node.pid) for node in nodes]
        started = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - started
        # The busiest and the largest of the four: a mean would hide one that is neither.
        wakeups.append(max(voluntary_switches(node.pid) - was for node, was in zip(nodes, before)) / passed)
        resident.append(max(resident_bytes(node.pid) for node in nodes))
    print_line(bench.name, "idle-node-rss", "rss", "bytes", resident)
    print_line(bench.name, "idle-wakeups", "wakeups", "1/s", wakeups)


def idle_connection(bench):
    """A fresh node each time, because memory that one round gave back would hide what the next one takes."""
    values = []
    for i in range(bench.rounds):
        with bench.case(f"idle-connection, node {i + 1} of {bench.rounds}"):
            node = node_with_models(bench, f"idle-{i}", bench.cpus[-1], ["identity"])
            with hold_idle_connections(node.address, 1):
                time.sleep(SETTLE_SECONDS / 4)
                before = resident_bytes(node.pid)
                with hold_idle_connections(node.address, IDLE_CONNECTIONS):
                    time.sleep(SETTLE_SECONDS / 4)
                    values.append((resident_bytes(node.pid) - before) / IDLE_CONNECTIONS)
    progress(f"  {' '.join(f'{value:.0f}' for value in values)}")
    print_line(bench.name, "idle-connection", "rss", "bytes", values)
