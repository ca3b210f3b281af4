# SPDX-License-Identifier: Apache-2.0
"""Doors for the stories of `serve`, as child processes, and a small TAP of our own: a story is a function whose name says
what holds."""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Door:
    """A node at an address of its own; `log` has what it said once it has ended."""

    def __init__(self, program, name, models, port, peers=()):
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.log_path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"weft-door-{os.getpid()}-{name}.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([program, name, models, self.address, *peers], stdout=subprocess.PIPE,
                                            stderr=log)
        if not self.process.stdout.readline():
            raise RuntimeError(self.log())

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def forget(self):
        """Kills it where it still runs."""
        self.process.kill()
        self.process.wait()
        os.unlink(self.log_path)

    def end(self):
        """Ends it in order; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it did not end"

    def call(self, method, path, body=None, headers=None):
        """status, headers, body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        status, headers, answer = self.call(method, path, body, headers)
        return status, headers, json.loads(answer) if answer else None


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


def tell(stories, context):
    """Runs the stories; returns how many failed."""
    print(f"1..{len(stories)}")
    failed = 0
    for number, story in enumerate(stories, 1):
        words = story.__name__.replace("_", " ")
        try:
            story(context)
            print(f"ok {number} - {words}", flush=True)
        except Exception:  # a story may fail in any way; the others are told all the same
            failed += 1
            print(f"not ok {number} - {words}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    return failed


def two_doors(program):
    """Node a, which the stories ask, knows some models; node b has one that a has not."""
    ports = free_port(), free_port()
    b = Door(program, "b", "raw", ports[1])
    a = Door(program, "a", "echo,half,words,picture,zeroes,parts,slow,broken,spare,bad", ports[0],
             ("b", b.address))
    return a, b


def main(stories, make_context=lambda door: door):
    """Tells the stories to what make_context makes of node a's door."""
    a, b = two_doors(sys.argv[1])
    try:
        failed = tell(stories, make_context(a))
        statuses = a.end(), b.end()
        if statuses != (0, 0):
            print(f"# the doors ended with {statuses}")
            failed += 1
        if failed:
            print("# " + a.log()[-6000:].replace("\n", "\n# "))
    finally:
        for door in (a, b):
            door.forget()
    sys.exit(1 if failed else 0)
