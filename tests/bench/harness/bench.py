# SPDX-License-Identifier: Apache-2.0
"""A bench's surroundings: options, build directory, programs, CPUs, and the interleaving of rounds."""
import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

from .process import BenchError, Server
from .result import progress

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEERS = ROOT / "tests" / "bench" / "peers"


class Bench:
    """One run of `./run bench NAME`. Use as a context: what it started is stopped at the end."""

    def __init__(self, name, arguments):
        parser = argparse.ArgumentParser(prog=f"bench {name}", description=f"Measures the cases of `{name}`.")
        parser.add_argument("--quick", action="store_true", help="fewer calls in each round")
        parser.add_argument("--case", action="append", metavar="CASE", help="only this case; may be repeated")
        options = parser.parse_args(arguments)
        self.name = name
        self.quick = options.quick
        self.only = options.case
        self.known = set()
        self.rounds = 5 if options.quick else 9
        self.build = (ROOT / os.environ.get("WEFT_BUILD", "build")).resolve()
        self.scratch = self.build / "bench" / name
        self.servers = contextlib.ExitStack()
        self.cpus = sorted(os.sched_getaffinity(0))

    def __enter__(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        return self

    def __exit__(self, *_):
        self.servers.close()

    def compile(self, targets):
        """Builds what the bench runs; ninja says nothing on standard output, which is for results."""
        progress(f"{self.name}: building")
        self.tool("ninja")
        done = subprocess.run(["ninja", "-C", str(self.build), *targets], stdout=sys.stderr, check=False)
        if done.returncode != 0:
            raise BenchError(f"{', '.join(targets)} can't be built in {self.build}; bench-programs needs Debian's "
                             "libgrpc++-dev, libprotobuf-dev and protobuf-compiler-grpc when meson sets it up")

    def tool(self, name):
        path = shutil.which(name)
        if path is None:
            raise BenchError(f"the program {name} is missing")
        return path

    def peer(self, name):
        return self.build / "tests" / "bench" / "peers" / f"bench-{name}"

    def weft(self, name):
        return self.build / "tests" / "bench" / "weft" / f"bench-{name}"

    def cpus_along(self, placement, count):
        """The CPUs of `count` processes in the order of the data's way."""
        if placement == "split" and len(self.cpus) < 2:
            raise BenchError("the split cases need two CPUs")
        used = self.cpus[:1] if placement == "same" else self.cpus[:2]
        return [used[i % len(used)] for i in range(count)]

    def wants(self, case):
        self.known.add(case)
        return self.only is None or case in self.only

    def serve(self, command, cpu, says_ready=True):
        """Starts a server that lives as long as the innermost `case`."""
        server = Server(command, cpu, self.scratch / "servers.log", says_ready)
        self.servers.callback(server.stop)
        return server

    @contextlib.contextmanager
    def case(self, name):
        progress(f"{self.name}: {name}")
        outer, self.servers = self.servers, contextlib.ExitStack()
        try:
            yield
        finally:
            self.servers.close()
            self.servers = outer

    def interleave(self, contenders):
        """Runs every contender once per round (A B C A B C ...) after a round that does not count. contenders: name ->
        function that measures once. Returns name -> the values of the rounds."""
        values = {name: [] for name in contenders}
        for i in range(self.rounds + 1):
            for name, measure in contenders.items():
                value = measure()
                if i > 0:
                    values[name].append(value)
        for name, seen in values.items():
            progress(f"  {name}: {' '.join(f'{value:.4g}' for value in seen)}")
        return values

    def calls(self, full, quick):
        return quick if self.quick else full


def main(name, run):
    """Runs a bench and turns what is missing into a message and an exit code."""
    try:
        with Bench(name, sys.argv[1:]) as bench:
            run(bench)
            unknown = sorted(set(bench.only or ()) - bench.known)
            if unknown:
                raise BenchError(f"no such case: {', '.join(unknown)}; there are {', '.join(sorted(bench.known))}")
    except BenchError as error:
        print(f"bench {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
