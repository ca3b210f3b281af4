# SPDX-License-Identifier: Apache-2.0
"""The cases of `./run bench grpc`: unary echo one at a time and under load, and one big tensor."""
import statistics

from . import h2load
from .cluster import PROGRAM, node_with_models
from .process import cpu_seconds, run_json
from .result import print_line

PAYLOAD_BYTES = 64
TENSOR_BYTES = 12 * 1024 * 1024
ECHO_METHOD = "/weft.bench.Echo/Echo"
# What each round of a load case should take; its number of requests follows from the rate of a trial.
LOAD_SECONDS, LOAD_SECONDS_QUICK = 1.0, 0.4
LOAD_TRIAL_REQUESTS = 20000


def run(bench):
    bench.compile(["bench-programs"])
    for placement in ("split", "same"):
        if bench.wants(f"unary-64B@{placement}"):
            with bench.case(f"unary-64B@{placement}"):
                unary(bench, placement)
    if bench.wants("unary-load"):
        with bench.case("unary-load"):
            unary_load(bench)
    if bench.wants("infer-12MiB"):
        bench.compile([PROGRAM])
        with bench.case("infer-12MiB"):
            infer(bench)


def better(values, names, lowest):
    """The rounds of that contender whose median is the better one."""
    choose = min if lowest else max
    return choose((values[name] for name in names), key=statistics.median)


def unary(bench, placement):
    client_cpu, server_cpu = bench.cpus_along(placement, 2)
    calls, warmup = bench.calls(10000, 2000), bench.calls(2000, 500)

    def echo(server_command, client):
        address = bench.serve(server_command, server_cpu).address

        command = [*client, "--address", address, "--size", PAYLOAD_BYTES, "--calls", calls, "--warmup", warmup]
        return lambda: run_json(command, client_cpu)["p50_ns"] / 1000

    def pingpong():
        command = [bench.peer("tcp-pingpong"), "--cpus", f"{client_cpu},{server_cpu}", "--size", PAYLOAD_BYTES,
                   "--calls", calls, "--warmup", warmup, "--congestion", "reno"]
        return run_json(command, client_cpu)["p50_ns"] / 1000

    callback, queue = bench.peer("grpc-echo-callback"), bench.peer("grpc-echo-queue")
    values = bench.interleave({
        "weft": echo([bench.weft("echo-server")], [bench.weft("call-client")]),
        "grpc-c++ callback": echo([callback, "serve"], [callback, "call"]),
        "grpc-c++ queue": echo([queue, "serve"], [queue, "call"]),
        "tcp-pingpong": pingpong,
    })
    grpc = better(values, ["grpc-c++ callback", "grpc-c++ queue"], lowest=True)
    case = f"unary-64B@{placement}"
    print_line(bench.name, case, "p50", "us", values["weft"], "grpc-c++", grpc)
    print_line(bench.name, case, "p50", "us", values["weft"], "tcp-pingpong", values["tcp-pingpong"])


def unary_load(bench):
    client_cpu, server_cpu = bench.cpus_along("split", 2)
    program = bench.tool("h2load")
    body = bench.scratch / "echo-call"
    h2load.write_call(body, b"\x0a" + bytes([PAYLOAD_BYTES]) + b"w" * PAYLOAD_BYTES)
    cpu_us = {}

    def load(name, command):
        server = bench.serve(command, server_cpu)
        trial = h2load.load(program, server.address, ECHO_METHOD, body, LOAD_TRIAL_REQUESTS, client_cpu)
        requests = int(trial * (LOAD_SECONDS_QUICK if bench.quick else LOAD_SECONDS))
        cpu_us[name] = []

        def measure():
            before = cpu_seconds(server.pid)
            rate = h2load.load(program, server.address, ECHO_METHOD, body, requests, client_cpu)
            cpu_us[name].append((cpu_seconds(server.pid) - before) / requests * 1e6)
            return rate

        return measure

    values = bench.interleave({
        "weft": load("weft", [bench.weft("echo-server")]),
        "grpc-c++ callback": load("grpc-c++ callback", [bench.peer("grpc-echo-callback"), "serve"]),
        "grpc-c++ queue": load("grpc-c++ queue", [bench.peer("grpc-echo-queue"), "serve"]),
    })
    peers = ["grpc-c++ callback", "grpc-c++ queue"]
    print_line(bench.name, "unary-load", "throughput", "requests/s", values["weft"], "grpc-c++",
               better(values, peers, lowest=False))
    # The first round did not count.
    cpu_us = {name: rounds[1:] for name, rounds in cpu_us.items()}
    print_line(bench.name, "unary-load-cpu", "server_cpu", "us", cpu_us["weft"], "grpc-c++",
               better(cpu_us, peers, lowest=True))


def infer(bench):
    client_cpu, server_cpu = bench.cpus_along("split", 2)
    calls, warmup = bench.calls(100, 30), bench.calls(10, 5)
    node = node_with_models(bench, "sink", server_cpu, ["sink"])
    copies = []

    def throughput(command):
        seen = run_json([*command, "--size", TENSOR_BYTES, "--calls", calls, "--warmup", warmup], client_cpu)
        return TENSOR_BYTES * seen["calls"] / (seen["elapsed_ns"] / 1e9)

    def weft():
        before = node.copied_bytes()
        value = throughput([bench.weft("call-client"), "--address", node.address, "--oip", "sink,tensor,FP32",
                            "--small-answer"])
        copies.append((node.copied_bytes() - before) / (TENSOR_BYTES * (calls + warmup)))
        return value

    def grpc(congestion):
        program = bench.peer("grpc-infer-queue")
        address = bench.serve([program, "serve", *congestion], server_cpu).address
        return lambda: throughput([program, "call", "--address", address, *congestion])

    values = bench.interleave({
        "weft": weft,
        "grpc-c++": grpc([]),
        "grpc-c++-reno": grpc(["--congestion", "reno"]),
    })
    for peer in ("grpc-c++", "grpc-c++-reno"):
        print_line(bench.name, "infer-12MiB", "throughput", "bytes/s", values["weft"], peer, values[peer])
    print_line(bench.name, "infer-12MiB-copies", "copies", "copied bytes/received byte", copies[1:])
