#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Doors of nodes that come and go: oip_cluster.py DOOR."""
import sys
import threading
import time

import town

RAW = {"Inference-Header-Content-Length": "0"}


class Cluster:
    """Node a is asked; the model `far`, which never ends by itself, and `raw` are on node b only."""

    def __init__(self, program):
        self.program = program
        self.ports = town.free_port(), town.free_port()
        self.b = None
        self.start_b()
        self.a = town.Door(program, "a", "echo", self.ports[0], ("b", self.b.address))
        self.a.call("POST", "/test/ready/on")
        self.wait_for_b()

    def start_b(self):
        self.b = town.Door(self.program, "b", "raw,far", self.ports[1])

    def wait_for_b(self):
        town.wait_for(lambda: self.a.call("GET", "/v2/models/far/ready")[0] == 200)

    def ask_far(self, timeout_us=20_000_000):
        """Asks for what never ends, from a thread; returns it and where its answer will be."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.a.json(
            "POST", "/v2/models/far/infer", {"parameters": {"timeout": timeout_us}, "inputs": [
                {"name": "in", "datatype": "UINT8", "shape": [1], "data": [1]}]})))
        thread.start()
        town.wait_for(lambda: self.b.call("GET", "/test/running")[2] == b"1")
        return thread, answers


def a_node_that_dies_fails_its_requests_by_name(cluster):
    thread, answers = cluster.ask_far()
    started = time.monotonic()
    cluster.b.process.kill()
    cluster.b.process.wait()
    thread.join(20)
    status, _, body = answers[0]
    assert status == 503 and body["node"] == "b" and body["step"] == "far" and body["pipeline"] == "far", answers
    assert time.monotonic() - started < 15


def what_it_had_is_not_there_any_more(cluster):
    assert [node["name"] for node in cluster.a.json("GET", "/v1/nodes")[2]["nodes"]] == ["a"]
    assert cluster.a.call("GET", "/v2/models/far/ready")[0] == 404
    assert cluster.a.call("POST", "/v2/models/raw/infer", b"x", RAW)[0] == 404
    assert cluster.a.call("GET", "/v2/models/echo/ready")[0] == 200


def it_is_used_again_when_it_is_back(cluster):
    cluster.b.forget()
    cluster.start_b()
    cluster.wait_for_b()
    assert cluster.a.call("POST", "/v2/models/raw/infer", b"x", RAW)[0] == 200


def a_node_that_hangs_is_named_when_the_deadline_passes(cluster):
    thread, answers = cluster.ask_far(timeout_us=300_000)
    thread.join(20)
    status, _, body = answers[0]
    assert status == 504 and "far" in str(body) and body["node"] == "b", answers
    town.wait_for(lambda: cluster.b.call("GET", "/test/running")[2] == b"0")


def a_gateway_that_dies_stops_the_work_of_others(cluster):
    thread, _ = cluster.ask_far()
    cluster.a.process.kill()
    cluster.a.process.wait()
    thread.join(20)
    town.wait_for(lambda: cluster.b.call("GET", "/test/running")[2] == b"0", 20)


def main():
    threading.excepthook = lambda _: None  # a client whose gateway was killed has nothing to say
    cluster = Cluster(sys.argv[1])
    try:
        failed = town.tell([a_node_that_dies_fails_its_requests_by_name, what_it_had_is_not_there_any_more,
                            it_is_used_again_when_it_is_back, a_node_that_hangs_is_named_when_the_deadline_passes,
                            a_gateway_that_dies_stops_the_work_of_others], cluster)
        if cluster.b.end() != 0:
            print("# node b did not end in order")
            failed += 1
        if failed:
            print("# " + (cluster.a.log()[-3000:] + cluster.b.log()[-3000:]).replace("\n", "\n# "))
    finally:
        cluster.a.forget()
        cluster.b.forget()
    sys.exit(1 if failed else 0)


main()
