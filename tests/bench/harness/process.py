# SPDX-License-Identifier: Apache-2.0
"""Processes of a bench: pinned, a little nicer than the rest of the machine, and gone when their case is over."""
import json
import os
import select
import subprocess

READY_TIMEOUT_S = 20
ROUND_TIMEOUT_S = 120
STOP_TIMEOUT_S = 10
# Priority over whatever else runs; where we may not, the bench runs without it.
NICENESS = -5


class BenchError(Exception):
    """Something that the bench needs is missing or does not work. The text is for the user."""


def _prepare(cpu):
    def prepare():
        os.sched_setaffinity(0, {cpu})
        try:
            os.nice(NICENESS)
        except PermissionError:
            pass

    return prepare


def _environment():
    return dict(os.environ, PYTHONDONTWRITEBYTECODE="1")


def run_json(command, cpu):
    """Runs a client of one round and returns the object that it prints."""
    output = run_text(command, cpu)
    try:
        return json.loads(output)
    except ValueError:
        raise BenchError(f"{command[0]} printed no JSON: {output[:200]!r}") from None


def run_text(command, cpu):
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, preexec_fn=_prepare(cpu), env=_environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=ROUND_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise BenchError(f"{command[0]} is missing") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(command)} took over {ROUND_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()[-500:]}")
    return done.stdout


class Server:
    """A process that serves until the case is over. Its standard input ends with us, so it can't be left behind; a
    server that says "ready HOST:PORT" tells its address so."""

    def __init__(self, command, cpu, log_path, says_ready=True):
        command = [str(word) for word in command]
        self.name = os.path.basename(command[0])
        self.log_path = log_path
        with open(log_path, "ab") as log:
            try:
                self.process = subprocess.Popen(command, preexec_fn=_prepare(cpu), env=_environment(), stderr=log,
                                                stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE if says_ready else log)
            except FileNotFoundError:
                raise BenchError(f"{command[0]} is missing") from None
        self.address = self._wait_until_ready() if says_ready else None

    @property
    def pid(self):
        return self.process.pid

    def _wait_until_ready(self):
        readable, _, _ = select.select([self.process.stdout], [], [], READY_TIMEOUT_S)
        words = self.process.stdout.readline().decode().split() if readable else []
        if len(words) != 2 or words[0] != "ready":
            self.stop()
            raise BenchError(f"{self.name} did not become ready; see {self.log_path}")
        return words[1]

    def check(self):
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended ({self.process.returncode}); see {self.log_path}")

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def cpu_seconds(pid):
    """User and system time of all the process's threads, ended ones included."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise BenchError(f"process {pid} has no VmRSS")


def voluntary_switches(pid):
    """How often any thread of the process went to sleep, which is how often one was woken."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches:"))
    return total
