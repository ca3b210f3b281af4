#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes and clusters as processes: how they start, serve, and end."""
import json
import os
import pathlib
import signal
import socket
import threading
import time
import urllib.request

from rooms import PIPELINE, WEFT, equal, eventually, free_ports, get, has, infer, is_alive, tell


def numbers_of(answer):
    status, text = answer
    equal(status, 200, text)
    return json.loads(text)["outputs"][0]["data"]


def pids_of(room, cluster="room"):
    return [int(path.read_text().split()[0]) for path in room.path.glob(f"run/weft/{cluster}/*.pid")]


def a_node_serves_what_it_loaded(room):
    """A node serves the models that it was told to load, and SIGTERM ends it with 0."""
    room.model("echo")
    room.model("other")
    node, address = room.node("--models", "models", "--load", "echo")
    equal(numbers_of(infer(address, "echo", [1, 2, 3])), [1, 2, 3])
    equal(infer(address, "other", [1])[0] in (404, 503), True)
    node.send_signal(signal.SIGTERM)
    equal(node.wait(30), 0)
    has(node.stderr.read(), 'message="asked to end by SIGTERM"', 'message="ended"')


def a_node_without_models_serves(room):
    """A node without a model directory is ready, with nothing."""
    node, address = room.node("--name", "bare")
    equal(json.loads(get(address, "/v1/models")[1])["models"], [])
    node.send_signal(signal.SIGINT)
    equal(node.wait(30), 0)


def a_broken_model_is_logged(room):
    """Among all models a broken one is logged, and the node is ready with the rest."""
    room.model("echo")
    room.model("other", broken=True)
    node, address = room.node("--models", "models")
    equal(numbers_of(infer(address, "echo", [7])), [7])
    node.send_signal(signal.SIGTERM)
    has(node.communicate(timeout=30)[1], "other", "it was asked to be broken")


def a_broken_model_that_was_named_ends_the_node(room):
    """A model that was named and is broken, or not there, ends the node."""
    room.model("echo")
    room.model("other", broken=True)
    for model, code, words in (("other", 1, "it was asked to be broken"), ("eccho", 4, "echo")):
        result = room.run("node", "--listen", f"127.0.0.1:{free_ports(1)[0]}", "--models", "models", "--load", model)
        equal(result.returncode, code, result.stderr)
        has(result.stderr, words)


def an_address_in_use_is_told(room):
    """An address in use is told with a non-zero exit, and so is one that others reach."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = room.run("node", "--listen", "127.0.0.1:%d" % taken.getsockname()[1])
        equal(result.returncode, 1)
        has(result.stderr, "in use")
    result = room.run("node", "--listen", f"0.0.0.0:{free_ports(1)[0]}")
    equal(result.returncode, 1)
    has(result.stderr, "--insecure")


def sigterm_drains(room):
    """SIGTERM lets an open request end; a new one is refused meanwhile."""
    room.model("slow", delay_ms=1000)
    node, address = room.node("--models", "models")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(infer(address, "slow", [5])))
    asking.start()
    time.sleep(0.3)
    node.send_signal(signal.SIGTERM)
    eventually(lambda: get(address, "/v2/health/ready")[0] != 200, "the node is not ready any more")
    equal(infer(address, "slow", [6])[0] in (503, 0), True)
    asking.join(30)
    equal(numbers_of(answers[0]), [5])
    equal(node.wait(30), 0)


def a_second_signal_ends_at_once(room):
    """A second signal ends a node at once."""
    room.model("slow", delay_ms=20000)
    node, address = room.node("--models", "models")
    threading.Thread(target=lambda: infer(address, "slow", [5]), daemon=True).start()
    time.sleep(0.3)
    node.send_signal(signal.SIGTERM)
    eventually(lambda: get(address, "/v2/health/ready")[0] != 200, "the node drains")
    began = time.monotonic()
    node.send_signal(signal.SIGTERM)
    equal(node.wait(30), 128 + signal.SIGTERM)
    assert time.monotonic() - began < 5


def a_broken_pipeline_file_ends_the_node(room):
    """A pipeline file with a fault ends the node with 3 and names the place."""
    room.write("pipelines/good.yaml", PIPELINE)
    room.write("pipelines/bad.yaml", PIPELINE.replace("steps:", "stpes:").replace("twice", "thrice"))
    result = room.run("node", "--listen", f"127.0.0.1:{free_ports(1)[0]}", "--pipelines", "pipelines")
    equal(result.returncode, 3)
    has(result.stderr, 'pipelines/bad.yaml:4:1: error: unknown key "stpes"', 'did you mean "steps"?')


def a_pipeline_becomes_ready_with_its_models(room):
    """A pipeline whose models are not there is kept, and becomes ready with them."""
    room.model("echo")
    room.model("other")
    room.write("twice.yaml", PIPELINE)
    _, address = room.node("--models", "models", "--no-load", "--pipelines", "twice.yaml")
    equal(get(address, "/v2/models/twice/ready")[0], 503)
    for model in ("echo", "other"):
        equal(get(address, f"/v2/repository/models/{model}/load", {})[0], 200)
    equal(get(address, "/v2/models/twice/ready")[0], 200)
    equal(numbers_of(infer(address, "twice", [1, 2])), [1, 2])


def a_cluster_comes_up_and_goes_down(room):
    """`up --wait` returns when all is ready, `down` ends it, and nothing is left."""
    room.model("echo")
    room.model("other")
    room.write("twice.yaml", PIPELINE)
    cluster, addresses = room.cluster({"A": ["echo"], "B": ["other"], "gate": []}, pipelines=["twice.yaml"])
    up = room.run("up", cluster, "--wait")
    equal(up.returncode, 0, up.stderr)
    has(up.stdout, f"room is ready: 3 nodes, gateway {addresses['gate']}, in ")
    equal(numbers_of(infer(addresses["gate"], "twice", [4, 5])), [4, 5])
    pids = pids_of(room)
    equal(len(pids), 3)
    equal((room.path / "run/weft/room").stat().st_mode & 0o777, 0o700)

    again = room.run("up", cluster, "--wait")
    equal(again.returncode, 1)
    has(again.stderr, "3 nodes of this cluster run already")
    down = room.run("down", cluster)
    equal((down.returncode, down.stdout), (0, "room is down: 3 nodes\n"), down.stderr)
    assert not any(map(is_alive, pids))
    equal(list(room.path.glob("run/weft/*")), [])
    equal(room.run("down", cluster).returncode, 4)


def a_file_of_the_same_name_ends_nothing(room):
    """`down` with another file of the same cluster name refuses; by a link, or with --force, it ends the cluster."""
    room.model("echo")
    cluster, addresses = room.cluster({"gate": ["echo"]})
    other = room.write("elsewhere/room.yaml", cluster.read_text().replace("models: models", "models: ../models"))
    link = room.path / "link.yaml"
    link.symlink_to(cluster)
    equal(room.run("up", cluster, "--wait").returncode, 0)
    refused = room.run("down", other)
    equal((refused.returncode, refused.stdout), (1, ""))
    has(refused.stderr, 'cluster "room" is left: it was started with another file, ', str(cluster), "--force")
    equal(numbers_of(infer(addresses["gate"], "echo", [3])), [3])
    again = room.run("up", other, "--wait")
    has(again.stderr, "1 node of this cluster runs already", f"`weft down {cluster.resolve()}`")
    equal(room.run("down", link).stdout, "room is down: 1 node\n")
    equal(room.run("up", link, "--wait").returncode, 0)
    equal(room.run("down", other, "--force").stdout, "room is down: 1 node\n")
    equal(list(room.path.glob("run/weft/*")), [])


def a_validated_pipeline_is_checked_against_a_cluster(room):
    """`validate --server` checks against the models that the cluster has now."""
    room.model("echo")
    room.write("twice.yaml", PIPELINE)
    _, address = room.node("--models", "models")
    result = room.run("validate", "twice.yaml", "--server", address)
    equal(result.returncode, 3, result.stderr)
    has(result.stdout, 'twice.yaml:6:20: error: there is no model "other"')
    room.write("once.yaml", PIPELINE.replace("model: other", "model: echo"))
    equal(room.run("validate", "once.yaml", "--server", address).returncode, 0)
    nobody = room.run("validate", "once.yaml", "--server", f"127.0.0.1:{free_ports(1)[0]}")
    equal(nobody.returncode, 5)


def a_request_is_in_the_logs_of_its_nodes(room):
    """A request's trace is in the debug log of each node that works for it."""
    room.model("echo")
    room.model("other")
    room.write("twice.yaml", PIPELINE)
    cluster, addresses = room.cluster({"A": ["echo"], "B": ["other"], "gate": []}, pipelines=["twice.yaml"])
    equal(room.run("up", cluster, "--wait", "--log-level", "debug").returncode, 0)
    trace = "0af7651916cd43dd8448eb211c80319c"
    tensor = {"name": "payload", "datatype": "UINT8", "shape": [1], "data": [4]}
    request = urllib.request.Request(f"http://{addresses['gate']}/v2/models/twice/infer",
                                     data=json.dumps({"inputs": [tensor]}).encode(),
                                     headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        equal(answer.status, 200)

    def lines(node):
        text = (room.path / f"run/weft/room/{node}.log").read_text()
        return "\n".join(line for line in text.splitlines() if trace in line)

    for node, step, model in (("A", "first", "echo"), ("B", "second", "other")):
        eventually(lambda: "finished" in lines(node), f"{node} has logged its step")
        has(lines(node), f'step \\"{step}\\", attempt 1: started with model \\"{model}\\"',
            f'step \\"{step}\\", attempt 1: model \\"{model}\\" finished after ')
    has(lines("gate"), 'pipeline \\"twice\\", request ', ": OK after ")
    equal(room.run("down", cluster).returncode, 0)


def a_failed_step_is_in_its_nodes_log(room):
    """A step that fails is in its node's log at the default level, and REST's line says why."""
    room.model("echo", failing=True)
    node, address = room.node("--models", "models")
    equal(infer(address, "echo", [1])[0], 500)
    node.send_signal(signal.SIGTERM)
    lines = [line for line in node.communicate(timeout=30)[1].splitlines() if "it was asked to fail" in line]
    task = next(line for line in lines if "attempt 1" in line)
    has(task, "level=warning", "traceparent=00-", 'model \\"echo\\" failed after ')
    has(next(line for line in lines if "POST /v2/models/echo/infer" in line), "level=warning", ": 500 in ")


def one_process_does_for_all(room):
    """`up --nodes 1` has all models and pipelines in one process at the gateway's address."""
    room.model("echo")
    room.model("other")
    room.write("twice.yaml", PIPELINE)
    cluster, addresses = room.cluster({"A": ["echo"], "B": ["other"], "gate": []}, pipelines=["twice.yaml"])
    up = room.run("up", cluster, "--wait", "--nodes", "1")
    equal(up.returncode, 0, up.stderr)
    has(up.stdout, f"room is ready: 1 node, gateway {addresses['gate']}, in ")
    equal(numbers_of(infer(addresses["gate"], "twice", [9])), [9])
    equal(get(addresses["A"], "/v2/health/live")[0], 0)
    equal(room.run("down", cluster).returncode, 0)


def a_step_for_another_node_is_told(room):
    """A step for a node that is not started is told: in one process all nodes but the gateway are not."""
    room.model("echo")
    room.model("other")
    room.write("twice.yaml", PIPELINE.replace("model: echo", "model: echo, node: A"))
    cluster, addresses = room.cluster({"A": ["echo"], "B": ["other"], "gate": []}, pipelines=["twice.yaml"])
    up = room.run("up", cluster, "--wait", "--nodes", "1")
    equal(up.returncode, 0, up.stderr)
    has(up.stderr, 'warning: pipeline "twice" can\'t run: its step "first" is for node "A", which is not started')
    has(room.run("run", "twice", "--server", addresses["gate"], "--input", "payload=1").stderr, 'on node "A"')
    equal(room.run("down", cluster).returncode, 0)
    assert "warning: pipeline" not in room.run("up", cluster, "--wait").stderr
    equal(room.run("down", cluster).returncode, 0)


def a_failed_start_leaves_nothing(room):
    """A node that can't start is shown with its last words, and the others are ended."""
    room.model("echo")
    cluster, _ = room.cluster({"A": ["echo"], "B": ["missing"], "gate": []})
    up = room.run("up", cluster, "--wait")
    equal(up.returncode, 4, up.stderr)
    has(up.stderr, "node B ended with exit code 4 before the cluster was ready; its last words:", "[B] ", "missing")
    equal(list(room.path.glob("run/weft/*")), [])

    cluster, addresses = room.cluster({"A": ["echo"], "gate": []}, name="second")
    host, port = addresses["A"].split(":")
    with socket.socket() as taken:
        taken.bind((host, int(port)))
        taken.listen()
        up = room.run("up", cluster, "--wait")
    equal(up.returncode, 1, up.stderr)
    has(up.stderr, "node A ended with exit code 1", "in use")


def a_cluster_that_never_is_ready_runs_out_of_time(room):
    """A pipeline that never is ready ends `up --wait` with 6, after its time."""
    room.model("echo")
    room.write("twice.yaml", PIPELINE)
    cluster, _ = room.cluster({"A": ["echo"], "gate": []}, pipelines=["twice.yaml"])
    up = room.run("up", cluster, "--wait", "--timeout", "1s")
    equal(up.returncode, 6, up.stderr)
    has(up.stderr, "not ready after 1000 ms", "twice")
    equal(list(room.path.glob("run/weft/*")), [])


def the_foreground_shows_and_ends(room):
    """In the foreground logs have the node's name in front, a death is reported, SIGINT ends all."""
    room.model("echo")
    cluster, addresses = room.cluster({"A": ["echo"], "gate": []})
    up = room.start("up", cluster)
    has(up.stdout.readline(), "room is ready: 2 nodes")
    children = pathlib.Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()
    victim = next(pid for pid in children if b"A" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
    os.kill(int(victim), signal.SIGKILL)
    # A dead child stays in /proc until `up` has heard of it.
    eventually(lambda: not pathlib.Path(f"/proc/{victim}").exists(), "the node's end is noticed")
    equal(get(addresses["gate"], "/v2/health/ready")[0], 200)
    up.send_signal(signal.SIGINT)
    equal(up.wait(30), 0)
    told = up.stderr.read()
    has(told, "node A was ended by signal 9; the others go on without it", "[gate] ", "[A] ")
    assert not any(map(is_alive, children))


def nothing_outlives_the_foreground(room):
    """Where `up` in the foreground is killed, its nodes end too."""
    cluster, _ = room.cluster({"A": [], "gate": []})
    up = room.start("up", cluster)
    has(up.stdout.readline(), "room is ready")
    children = pathlib.Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()
    equal(len(children), 2)
    up.kill()
    eventually(lambda: not any(map(is_alive, children)), "its nodes have ended")


def a_run_directory_of_others_is_refused(room):
    """A run directory that others can write to is refused."""
    cluster, _ = room.cluster({"gate": []})
    (room.path / "run/weft").mkdir()
    (room.path / "run/weft").chmod(0o777)
    up = room.run("up", cluster, "--wait")
    equal(up.returncode, 1)
    has(up.stderr, "is not a directory of this user alone")


def an_idle_node_sleeps(room):
    """An idle node with three peers sleeps: at most two wake-ups a second, and 20 MiB."""
    sanitized = b"__asan_init" in pathlib.Path(WEFT).read_bytes()
    cluster, _ = room.cluster({"A": [], "B": [], "C": [], "gate": []})
    equal(room.run("up", cluster, "--wait").returncode, 0)
    time.sleep(0.5)

    def switches(pid):
        return sum(int(line.split()[1]) for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")
                   for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt_switches"))

    pids = pids_of(room)
    before = [switches(pid) for pid in pids]
    time.sleep(5)
    counts = [after - earlier for after, earlier in zip(map(switches, pids), before)]
    assert max(counts) <= 10, f"wake-ups in 5 s: {counts}"
    for pid in pids:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        resident_kib = int(status.split("VmRSS:")[1].split()[0])
        assert sanitized or resident_kib <= 20 * 1024, f"{resident_kib} KiB"
    equal(room.run("down", cluster).returncode, 0)


tell([a_node_serves_what_it_loaded, a_node_without_models_serves, a_broken_model_is_logged,
      a_broken_model_that_was_named_ends_the_node, an_address_in_use_is_told, sigterm_drains,
      a_second_signal_ends_at_once, a_broken_pipeline_file_ends_the_node, a_pipeline_becomes_ready_with_its_models,
      a_cluster_comes_up_and_goes_down, a_file_of_the_same_name_ends_nothing,
      a_validated_pipeline_is_checked_against_a_cluster,
      a_request_is_in_the_logs_of_its_nodes, a_failed_step_is_in_its_nodes_log, one_process_does_for_all,
      a_step_for_another_node_is_told, a_failed_start_leaves_nothing, a_cluster_that_never_is_ready_runs_out_of_time,
      the_foreground_shows_and_ends, nothing_outlives_the_foreground, a_run_directory_of_others_is_refused,
      an_idle_node_sleeps])
