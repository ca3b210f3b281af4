#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`weft run`, `get` and `bench` with real nodes: what is shown, written, and measured."""
import json
import re
import signal
import urllib.request

import jsonschema

from rooms import PIPELINE, SOURCE, equal, eventually, get, has, tell

SCHEMA = json.loads((SOURCE / "docs/run.schema.json").read_text())
# first and second are the steps of "twice", on A and B; the gateway G has no models.
NODES = {"A": ["echo"], "B": ["other"], "G": []}


def cluster(room, nodes=None, delay_ms=0):
    """A cluster that is up; the gateway's address."""
    room.model("echo", delay_ms=delay_ms)
    room.model("other")
    room.write("twice.yaml", PIPELINE)
    file, addresses = room.cluster(nodes or NODES, pipelines=["twice.yaml"])
    result = room.run("up", file, "--wait")
    equal(result.returncode, 0, result.stderr)
    room.addresses = addresses
    return list(addresses.values())[-1]


def succeeded(result):
    equal(result.returncode, 0, result.stderr)
    return result.stdout


def check_record(record):
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    errors = [f"{list(error.path)}: {error.message}" for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(record)]
    equal(errors, [])


def sent_to(room, node, peer):
    """A node's own count of the bytes that it sent to another."""
    with urllib.request.urlopen(f"http://{room.addresses[node]}/metrics", timeout=10) as answer:
        found = re.search(r'^weft_peer_sent_bytes_total\{peer="%s"\} (\d+)' % peer, answer.read().decode(), re.M)
    return int(found.group(1)) if found else 0


def a_run_prints_its_output(room):
    """A run of two steps on two nodes prints what comes out."""
    server = cluster(room)
    equal(succeeded(room.run("run", "twice", "--server", server, "--input", "payload=1,2,3")), "payload: 1 2 3\n")


def a_run_is_recorded(room):
    """The record fits its schema, and its bytes between nodes are those that the nodes' metrics tell."""
    server = cluster(room)
    before = sent_to(room, "A", "B") + sent_to(room, "B", "A")
    room.path.joinpath("in.raw").write_bytes(bytes(100000))
    result = room.run("run", "twice", "--server", server, "--input", "payload=@in.raw", "--output", "payload=out.raw",
                      "--record", "run.json", "--table", "--id", "a/b c")
    after = sent_to(room, "A", "B") + sent_to(room, "B", "A")
    lines = succeeded(result).rstrip("\n").split("\n")
    equal(room.path.joinpath("out.raw").read_bytes(), bytes(100000))
    record = json.loads(room.path.joinpath("run.json").read_text())
    check_record(record)
    equal((record["id"], record["state"], record["settled"]), ("a/b c", "finished", True))
    equal([(step["step"], step["node"], step["state"]) for step in record["steps"]],
          [("first", "A", "finished"), ("second", "B", "finished")])
    equal(record["between_nodes_bytes"], sum(pair["bytes"] for pair in record["between_nodes"]))
    equal(record["between_nodes_bytes"] >= 100000, True)
    equal(record["between_nodes_bytes"], after - before)
    equal({(pair["from"], pair["to"]) for pair in record["between_nodes"]} <= {("A", "B"), ("B", "A")}, True)
    equal(record["gateway"], {"bytes_in": 100000, "bytes_out": 100000})
    last = re.fullmatch(r"twice: 2 steps on 2 nodes, (\d+) ms, (\d+) bytes between nodes", lines[-1])
    equal(int(last.group(2)), record["between_nodes_bytes"])
    has("\n".join(lines), "step", "start (ms)", "duration (ms)", "bytes in", "bytes out", "lane", "grpc")


def one_process_sends_nothing(room):
    """In one process nothing goes between nodes."""
    server = cluster(room, {"one": ["echo", "other"]})
    result = room.run("run", "twice", "--server", server, "--input", "payload=1", "--record", "run.json", "--table")
    has(succeeded(result), "twice: 2 steps on 1 node, ", " 0 bytes between nodes\n")
    record = json.loads(room.path.joinpath("run.json").read_text())
    check_record(record)
    equal((record["between_nodes_bytes"], record["between_nodes"]), (0, []))


def progress_is_told(room):
    """Who waits is told which step runs, a line each where standard error is no terminal."""
    server = cluster(room, delay_ms=400)
    result = room.run("run", "twice", "--server", server, "--input", "payload=1")
    equal(succeeded(result), "payload: 1\n")
    has(result.stderr, "first began on A")


def a_failure_is_recorded(room):
    """A model that hangs ends its request with 6: the message names pipeline, step and node, and the record says why."""
    server = cluster(room, delay_ms=5000)
    result = room.run("run", "twice", "--server", server, "--input", "payload=1", "--timeout", "300ms",
                      "--record", "run.json")
    equal(result.returncode, 6, result.stderr)
    has(result.stderr, "twice", 'step "first"', 'node "A"', "deadline")
    record = json.loads(room.path.joinpath("run.json").read_text())
    check_record(record)
    equal(record["state"], "failed")


def a_gateway_that_says_nothing_is_waited_for_no_longer_than_asked(room):
    """A node that hangs as a whole ends the run with 6, soon after its time, and the address is named."""
    room.model("echo", delay_ms=20000)
    node, address = room.node("--models", "models")
    child = room.start("run", "echo", "--server", address, "--input", "payload=1", "--timeout", "1s")
    wait_for_request(address)
    node.send_signal(signal.SIGSTOP)
    _, said = child.communicate(timeout=15)
    node.send_signal(signal.SIGCONT)
    equal(child.returncode, 6, said)
    has(said, address)
    node.send_signal(signal.SIGSTOP)
    result = room.run("run", "echo", "--server", address, "--input", "payload=1", "--timeout", "300ms", timeout=10)
    node.send_signal(signal.SIGCONT)
    equal(result.returncode, 6, result.stderr)
    has(result.stderr, address)


def mistakes_are_told(room):
    """A mistyped pipeline or input, and one that is missing, are told with what was meant."""
    server = cluster(room)
    result = room.run("run", "twise", "--server", server)
    equal(result.returncode, 4, result.stderr)
    has(result.stderr, 'did you mean "twice"?')
    result = room.run("run", "twice", "--server", server, "--input", "paylod=1")
    equal(result.returncode, 3, result.stderr)
    has(result.stderr, 'did you mean "payload"?')
    result = room.run("run", "twice", "--server", server, "--input", "payload=1", "--input", "payload[1]=2")
    equal(result.returncode, 3, result.stderr)
    has(result.stderr, 'input "payload" is given twice')
    result = room.run("run", "twice", "--server", server)
    equal(result.returncode, 3, result.stderr)
    has(result.stderr, 'needs the input "payload"', "--input payload=VALUE")


def what_a_model_refuses_is_not_valid(room):
    """An input that a model can do nothing with ends with 3, and a model that fails with 1."""
    room.model("echo", failing=True)
    room.model("other")
    config = room.path / "models/other/config.pbtxt"
    config.write_text(config.read_text() + 'parameters { key: "refusing" value: { string_value: "true" } }\n')
    _, address = room.node("--models", "models")
    for model, code, words in (("echo", 1, "it was asked to fail"), ("other", 3, "nobody is in this picture")):
        result = room.run("run", model, "--server", address, "--input", "payload=1")
        equal(result.returncode, code, result.stderr)
        has(result.stderr, words)


def a_place_for_the_results_is_looked_for_first(room):
    """Where a result could not be written, nothing is run: no such directory, no such form, a file named twice."""
    room.model("echo", delay_ms=20000)
    _, address = room.node("--models", "models")
    (room.path / "file").write_text("")
    ask = ("run", "echo", "--server", address, "--input", "payload=1", "--timeout", "15s")
    for arguments, code, words in (
            (("--output", "payload=nowhere/a.raw"), 4, 'output "payload": can\'t write nowhere/a.raw: nowhere: No such file'),
            (("--output", "payload=file/a.raw"), 4, "can't write file/a.raw: file is no directory"),
            (("--output", "payload=models"), 3, "models is a directory; name a file"),
            (("--record", "nowhere/run.json"), 4, "--record: can't write nowhere/run.json"),
            (("--output", "payload=a.webp"), 3, "pictures are written as .png and .jpg"),
            (("--output", "payload=a.raw", "--record", "a.raw"), 3, "a.raw is to be written twice"),
    ):
        result = room.run(*ask, *arguments, timeout=10)
        equal(result.returncode, code, result.stderr)
        has(result.stderr, words)
    result = room.run(*ask, "--output", "payload=/dev/null", "--timeout", "100ms")
    equal(result.returncode, 6, result.stderr)


def lists_are_shown(room):
    """get shows pipelines, models and nodes, as a table and as JSON."""
    server = cluster(room)
    has(succeeded(room.run("get", "pipelines", "--server", server)), "twice", "payload UINT8[-1]")
    has(succeeded(room.run("get", "models", "--server", server)), "echo", "other")
    nodes = json.loads(succeeded(room.run("get", "nodes", "--server", server, "-o", "json")))
    equal(sorted(node["name"] for node in nodes), ["A", "B", "G"])
    has(succeeded(room.run("get", "nodes", "--server", server)), "unlimited")
    one = json.loads(succeeded(room.run("get", "node", "B", "--server", server, "-o", "json")))
    equal((one["name"], one["self"]), ("B", False))
    result = room.run("get", "models", "ecco", "--server", server)
    equal(result.returncode, 4, result.stderr)
    has(result.stderr, 'did you mean "echo"?')


def a_bench_of_our_own(room):
    """bench measures a pipeline over gRPC and over HTTP."""
    server = cluster(room)
    for protocol in ("grpc", "http"):
        report = json.loads(succeeded(room.run(
            "bench", "--server", server, "--model", "twice", "--shape", "payload=64", "--concurrency", "4",
            "--requests", "100", "--warm-up", "0", "--protocol", protocol, "-o", "json")))
        equal((report["calls"], report["failures"]), (100, 0))


def a_node_that_dies_is_told(room):
    """A node that dies while it is called is an error with its address and exit code 5."""
    room.model("echo", delay_ms=20000)
    node, address = room.node("--models", "models")
    child = room.start("run", "echo", "--server", address, "--input", "payload=1")
    # There is nothing to wait for from outside but the request itself, which the node counts.
    wait_for_request(address)
    node.send_signal(signal.SIGKILL)
    _, said = child.communicate(timeout=30)
    equal(child.returncode, 5, said)
    has(said, f"the node at {address} went away")


def wait_for_request(address):
    eventually(lambda: re.search(r"^weft_slots_used [1-9]", get(address, "/metrics")[1], re.M), "a model is called")


tell([a_run_prints_its_output, a_run_is_recorded, one_process_sends_nothing, progress_is_told, a_failure_is_recorded,
      a_gateway_that_says_nothing_is_waited_for_no_longer_than_asked, mistakes_are_told,
      what_a_model_refuses_is_not_valid, a_place_for_the_results_is_looked_for_first, lists_are_shown, a_bench_of_our_own,
      a_node_that_dies_is_told])
