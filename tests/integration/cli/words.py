#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the program says: help, usage, and what is wrong with files."""
import json
import re

from rooms import CONFIG, PIPELINE, SOURCE, equal, has, tell

VERBS = ("up", "down", "node", "run", "validate", "get", "bench", "version")


def every_verb_has_help_with_an_example(room):
    """Every verb has a line in `weft help`, and help of its own with an example."""
    overview = room.run("help")
    equal(overview.returncode, 0)
    for verb in VERBS:
        assert re.search(rf"^  {verb} +\S", overview.stdout, re.MULTILINE), verb
        own = room.run("help", verb)
        equal(own.returncode, 0)
        has(own.stdout, f"usage: weft {verb}", "example:\n  weft " + verb)
        equal(own.stdout, room.run(verb, "--help").stdout, verb)
        assert max(map(len, own.stdout.splitlines())) <= 100, f"a line of {verb}'s help is too long"


def help_is_given_however_it_is_asked_for(room):
    """Help is given however it is asked for."""
    overview = room.run("help").stdout
    for arguments in (("--help",), ("-h",), ("help", "--help"), ("help", "help"), ("help", "-h"), ("--help", "help")):
        equal((room.run(*arguments).returncode, room.run(*arguments).stdout), (0, overview), arguments)
    own = room.run("help", "run").stdout
    for arguments in (("run", "-h"), ("help", "run", "--help"), ("--help", "run"), ("run", "x", "--help")):
        equal((room.run(*arguments).returncode, room.run(*arguments).stdout), (0, own), arguments)


def the_man_page_names_every_verb_and_option(room):
    """The man page names every verb, and every option of its help."""
    page = (SOURCE / "docs/man/weft.1").read_text().replace("\\-", "-")
    for verb in VERBS:
        has(page, f".SS weft {verb}")
        for option in re.findall(r"--[a-z][a-z-]+", room.run("help", verb).stdout):
            has(page, option)


def the_version_is_said(room):
    """The version is said, for people and for programs."""
    plain = room.run("--version")
    equal(plain.returncode, 0)
    assert re.fullmatch(r"weft \d+\.\d+\.\d+\n", plain.stdout), plain.stdout
    equal("weft " + json.loads(room.run("version", "-o", "json").stdout)["version"] + "\n", plain.stdout)


def a_wrong_command_line_is_told(room):
    """A wrong command line ends with 2 and says what was probably meant."""
    for arguments, words in (
            ((), "usage: weft VERB"),
            (("vaildate",), 'did you mean "validate"?'),
            (("node", "--lisen", "x"), "did you mean --listen?"),
            (("node", "--listen"), "--listen needs a value"),
            (("node", "--slots", "many"), "--slots is a number"),
            (("node", "--spin", "offf"), 'did you mean "off"?'),
            (("node", "--memory", "4GB"), "--memory is a size"),
            (("node", "--load", "x"), "--load needs --models"),
            (("node", "--peer", "x"), "--peer is NAME=HOST:PORT"),
            (("node", "word"), 'takes no words, but got "word"'),
            (("up",), "needs a cluster FILE"),
            (("up", "a", "--nodes", "3"), "--nodes is a number from 1 to 1"),
            (("down", "a", "--timeout", "soon"), "--timeout is a duration"),
            (("validate",), "needs a FILE"),
            (("validate", "x", "-o", "yaml"), '-o can\'t be "yaml"; it is one of table, json'),
            (("run", "x", "-o", "jsn"), '-o can\'t be "jsn"; did you mean "json"?'),
            (("run", "x", "--input", "a"), '--input is written NAME=VALUE or NAME=@FILE, not "a"'),
            (("run", "x", "--input", "=a"), "--input is written NAME=VALUE"),
            (("run", "x", "--output", "a"), '--output is written NAME=FILE, not "a"'),
            (("run", "x", "--parameter", "a"), '--parameter is written NAME=VALUE, not "a"'),
            (("run", "x", "--server", "127.0.0.1:80000"), "--server is HOST:PORT, as 127.0.0.1:8000"),
            (("get", "nodes", "--server", "here"), '--server is HOST:PORT'),
            (("bench", "--model", "x", "--server", ":1"), '--server is HOST:PORT'),
            (("validate", "x", "--server", "127.0.0.1"), '--server is HOST:PORT'),
            (("node", "--listen", "8000"), '--listen is HOST:PORT'),
            (("node", "--peer", "A=8000"), '--peer is NAME=HOST:PORT, not "A=8000"'),
            (("node", "--ready-fd", "77"), "77 is not open"),
            (("help", "run", "get"), 'one verb at a time, not "run" and "get"'),
            (("help", "rnu"), 'did you mean "run"?'),
    ):
        result = room.run(*arguments)
        equal(result.returncode, 2, arguments)
        has(result.stderr, words)
        equal(result.stdout, "")


def a_valid_file_is_valid(room):
    """Valid files are valid; a directory of models makes the check a whole one."""
    room.write("models/echo/config.pbtxt", CONFIG.format(name="echo", delay_ms=0, broken="false", failing="false"))
    room.write("models/other/config.pbtxt", CONFIG.format(name="other", delay_ms=0, broken="false", failing="false"))
    room.write("twice.yaml", PIPELINE)
    plain = room.run("validate", "twice.yaml")
    equal((plain.returncode, plain.stdout), (0, "twice.yaml: valid, as far as it goes without models\n"))
    whole = room.run("validate", "twice.yaml", "--models", "models")
    equal((whole.returncode, whole.stdout), (0, "twice.yaml: valid\n"), whole.stderr)


def a_finding_has_its_place(room):
    """Unknown keys, models and tensors are told with file, line, column and what was meant."""
    room.write("models/echo/config.pbtxt", CONFIG.format(name="echo", delay_ms=0, broken="false", failing="false"))
    room.write("models/other/config.pbtxt", CONFIG.format(name="other", delay_ms=0, broken="false", failing="false"))
    for old, new, finding in (
            ("{ model: echo", "{ modle: echo", 't.yaml:5:12: error: unknown key "modle" in step "first"; did you mean '
             '"model"?'),
            ("model: other", "model: othre", 't.yaml:6:20: error: there is no model "othre"; did you mean "other"?'),
            ("payload: first.payload", "paylaod: first.payload", 'did you mean "payload"?'),
            ("UINT8", "FP32", "is UINT8, but what comes is FP32"),
            ("shape: [-1]", "shape: [2, 2]", "has shape"),
    ):
        room.write("t.yaml", PIPELINE.replace(old, new, 1))
        result = room.run("validate", "t.yaml", "--models", "models")
        equal(result.returncode, 3, result.stdout + result.stderr)
        has(result.stdout, finding)
        assert re.search(r"^t\.yaml:\d+:\d+: error: ", result.stdout), result.stdout
    room.write("t.yaml", PIPELINE.replace("{ model: echo", "{ modle: echo", 1).replace("other", "othre"))
    both = room.run("validate", "t.yaml", "--models", "models").stdout
    has(both, 'unknown key "modle"', 'there is no model "othre"')


def a_model_without_metadata_is_taken(room):
    """A model whose directory says nothing of its tensors is taken as it stands."""
    (room.path / "models/echo/1").mkdir(parents=True)
    (room.path / "models/other/1").mkdir(parents=True)
    room.write("twice.yaml", PIPELINE)
    result = room.run("validate", "twice.yaml", "--models", "models")
    equal((result.returncode, result.stdout), (0, "twice.yaml: valid\n"), result.stderr)


def findings_are_json_for_programs(room):
    """With -o json the findings are one object, valid files among them."""
    room.write("good.yaml", PIPELINE)
    room.write("bad.yaml", PIPELINE.replace("steps:", "stpes:"))
    result = room.run("validate", "good.yaml", "bad.yaml", "-o", "json")
    equal(result.returncode, 3)
    good, bad = json.loads(result.stdout)["files"]
    equal((good["valid"], good["findings"]), (True, []))
    equal((bad["valid"], bad["file"]), (False, "bad.yaml"))
    wanted = {"severity": "error", "line": 4, "column": 1, "suggestion": "steps"}
    assert any(wanted.items() <= finding.items() for finding in bad["findings"]), bad


def a_cluster_file_is_checked(room):
    """A cluster file is told from a pipeline by its keys, and its faults have their places."""
    whole = room.run("validate", SOURCE / "examples/portrait/cluster.yaml")
    equal((whole.returncode, whole.stdout), (0, f"{SOURCE}/examples/portrait/cluster.yaml: valid\n"))
    good = "cluster: c\ngateway: a\nnodes:\n  a: { listen: 127.0.0.1:1 }\n  b: { listen: 127.0.0.1:2 }\n"
    for old, new, finding in (
            ("gateway:", "gatway:", 'c.yaml:2:1: error: unknown key "gatway" in the cluster file; did you mean '
             '"gateway"?'),
            ("b: { listen", "b: { lisen", 'c.yaml:5:8: error: unknown key "lisen" in a node; did you mean "listen"?'),
            ("gateway: a", "gateway: A", 'c.yaml:2:10: error: there is no node "A"'),
            ("127.0.0.1:2", "127.0.0.1:1", 'node "a" listens on 127.0.0.1:1 already'),
            ("127.0.0.1:2", "127.0.0.1", "is no address"),
            ("listen: 127.0.0.1:2", "listen: 127.0.0.1:2, slots: many", "slots is a number"),
            ("listen: 127.0.0.1:2", "listen: 127.0.0.1:2, memory: 4GB", "memory is a size"),
            ("listen: 127.0.0.1:2", "listen: 127.0.0.1:2, load: [x]", "models is missing"),
            ("listen: 127.0.0.1:2", "listen: 127.0.0.1:2, models: m, load: [x, y, x]",
             'c.yaml:5:53: error: load has "x" twice'),
            ("cluster: c", "cluster: ../c", "can't be a cluster's name"),
            ("127.0.0.1:2", "0.0.0.0:2", 'c.yaml:5:16: error: "0.0.0.0:2" can be reached from other machines, and nothing '
             'asks who calls: use a loopback address, as 127.0.0.11:2, or say "insecure: true"'),
    ):
        room.write("c.yaml", good.replace(old, new, 1))
        result = room.run("validate", "c.yaml")
        equal(result.returncode, 3, result.stdout + result.stderr)
        has(result.stdout, finding)
        up = room.run("up", "c.yaml")
        equal(up.returncode, 3)
        has(up.stderr, finding)


def what_a_cluster_file_names_is_checked(room):
    """Directories, models and pipelines that a cluster file names are there, and a node for each step."""
    for model in ("echo", "other"):
        room.write(f"c/models/{model}/config.pbtxt",
                   CONFIG.format(name=model, delay_ms=0, broken="false", failing="false"))
    room.write("c/twice.yaml", PIPELINE)
    good = ("cluster: c\ngateway: b\nmodels: models\npipelines: [twice.yaml]\nnodes:\n"
            "  a: { listen: 127.0.0.1:1, load: [echo], tags: [gpu] }\n  b: { listen: 127.0.0.1:2, load: [other] }\n")
    room.write("c/c.yaml", good)
    whole = room.run("validate", "c/c.yaml")
    equal((whole.returncode, whole.stdout), (0, "c/c.yaml: valid\n"), whole.stderr)
    for old, new, finding in (
            ("models: models", "models: modles", '3:9: error: the models directory "modles" is not there; did you mean '
             '"models"?'),
            ("models: models", "models: twice.yaml", '3:9: error: the models directory "twice.yaml" is no directory'),
            ("load: [other]", "load: [other], models: m", '7:52: error: the models directory "m" is not there'),
            ("gateway", "plugins: pl\ngateway", '2:10: error: the plugins directory "pl" is not there'),
            ("load: [echo]", "load: [ehco]", '6:36: error: there is no model "ehco" in "models"; did you mean "echo"?'),
            ("load: [echo]", "load: [../x]", '"../x" can\'t be a model\'s name'),
            ("[twice.yaml]", "[tvice.yaml]", '4:13: error: the pipeline file "tvice.yaml" is not there; did you mean '
             '"twice.yaml"?'),
            ("[twice.yaml]", "[twice.yaml, twice.yaml]", 'twice.yaml names its pipeline "twice", as another file does'),
    ):
        room.write("c/c.yaml", good.replace(old, new, 1))
        result = room.run("validate", "c/c.yaml")
        equal(result.returncode, 3, result.stdout + result.stderr)
        has(result.stdout, "c/c.yaml:" + finding if finding[0].isdigit() else finding)
    equal(room.run("up", "c/c.yaml").returncode, 3)  # the last of these
    room.write("c/c.yaml", good)
    for old, new, finding in (
            ("model: other", "model: othre", 'twice.yaml:6:20: there is no model "othre"; did you mean "other"?'),
            ("steps:", "stpes:", 'twice.yaml:4:1: unknown key "stpes" in the pipeline; did you mean "steps"?'),
            ("model: echo", "model: echo, node: c", 'twice.yaml:5:3: step "first" is for node "c"'),
            ("model: echo", "model: echo, node: b", 'twice.yaml:5:3: no node of the cluster has what step "first"'),
            ("model: other", "model: other, needs: { tags: [gpu] }", 'no node of the cluster has what step "second"'),
    ):
        room.write("c/twice.yaml", PIPELINE.replace(old, new, 1))
        result = room.run("validate", "c/c.yaml")
        equal(result.returncode, 3, result.stdout + result.stderr)
        has(result.stdout, "c/c.yaml:4:13: error: ", finding)
    room.write("c/twice.yaml", PIPELINE)
    room.write("c/c.yaml", good.replace("load: [other]", "load: []"))
    result = room.run("validate", "c/c.yaml")
    equal(result.returncode, 0, result.stdout + result.stderr)
    has(result.stdout, 'c/c.yaml:4:13: warning: twice.yaml:6:20: no node of the cluster loads model "other"')


def one_run_tells_all_of_a_cluster_file(room):
    """What a cluster file names is checked also where its own keys are wrong, without faults that only follow."""
    for model in ("echo", "other"):
        room.write(f"c/models/{model}/config.pbtxt",
                   CONFIG.format(name=model, delay_ms=0, broken="false", failing="false"))
    room.write("c/twice.yaml", PIPELINE.replace("model: other", "model: othre"))
    room.write("c/c.yaml", "cluster: c\ngateway: b\nmodels: models\nplugins: pl\npipelines: [gone.yaml, twice.yaml]\n"
               "nodes:\n  a: { listen: 127.0.0.1, load: [ehco] }\n  b: { lisen: 127.0.0.1:2, load: [echo, echo] }\n")
    result = room.run("validate", "c/c.yaml")
    equal((result.returncode, result.stdout), (3, (
        'c/c.yaml:4:10: error: the plugins directory "pl" is not there\n'
        'c/c.yaml:5:13: error: the pipeline file "gone.yaml" is not there\n'
        'c/c.yaml:5:24: error: twice.yaml:6:20: there is no model "othre"; did you mean "other"?\n'
        'c/c.yaml:7:16: error: "127.0.0.1" is no address: HOST:PORT, as 127.0.0.11:8000\n'
        'c/c.yaml:7:34: error: there is no model "ehco" in "models"; did you mean "echo"?\n'
        'c/c.yaml:8:3: error: node "b" needs an address to listen on\n'
        'c/c.yaml:8:8: error: unknown key "lisen" in a node; did you mean "listen"?\n'
        'c/c.yaml:8:41: error: load has "echo" twice\n')), result.stderr)
    for nodes in ("", "nodes:\n  a: { listen: 127.0.0.1:1, load: [echo] }\n"):  # the models are not known
        room.write("c/c.yaml", f"cluster: c\nmodels: [models]\npipelines: [twice.yaml, gone.yaml]\n{nodes}")
        told = room.run("validate", "c/c.yaml").stdout
        has(told, "3:25: error: the pipeline file", ":2:9: error: " if nodes else "nodes must be")
        assert "twice.yaml:" not in told, told


def a_missing_file_is_not_found(room):
    """A file that isn't there ends with 4, wherever it is asked for."""
    for arguments in (("validate", "x.yaml"), ("up", "x.yaml"), ("down", "x.yaml"),
                      ("node", "--listen", "127.0.0.1:1", "--pipelines", "x.yaml")):
        result = room.run(*arguments)
        equal(result.returncode, 4, arguments)
        has(result.stderr, "x.yaml")


tell([every_verb_has_help_with_an_example, help_is_given_however_it_is_asked_for,
      the_man_page_names_every_verb_and_option, the_version_is_said, a_wrong_command_line_is_told, a_valid_file_is_valid,
      a_finding_has_its_place, a_model_without_metadata_is_taken, findings_are_json_for_programs,
      a_cluster_file_is_checked, what_a_cluster_file_names_is_checked, one_run_tells_all_of_a_cluster_file,
      a_missing_file_is_not_found])
