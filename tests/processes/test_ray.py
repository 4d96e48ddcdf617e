"""Workers of Ray on this machine: rollouts, evaluations and calls of actors, exact against the books of the server."""

import hashlib
import json
from collections import Counter

import pytest

import llm_telemetry.ray
from llm_telemetry.processes.nodes import NODES, Post
from llm_telemetry.testing import LLMServer
from llm_telemetry.words import CHILDREN
from tests.processes.programs.ray_train import ITEMS, SOURCES
from tests.support import ray_cluster
from tests.support.children import payloads_in, python

PROGRAM = ("-m", "tests.processes.programs.ray_train")
REPLIES = ("yes", "yes", "no", "I cannot tell")


def reply(request):
    """The judge's reply, the same for the same text; about the executor's it does not matter."""
    return REPLIES[hashlib.blake2b(request.user.encode()).digest()[0] % len(REPLIES)]


@pytest.fixture(scope="module")
def server():
    with LLMServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(server):
    """A cluster that is up before there is a program, and knows nothing of us."""
    with ray_cluster.folder() as folder:
        known = ray_cluster.variables(server, folder)
        with ray_cluster.node("--head", "--port=0", "--num-cpus=6", "--include-dashboard=false", **known) as head:
            yield known | {
                "RAY_ADDRESS": head.address
            }  # without it Ray takes any cluster that it finds on this machine


def run(server, folder, *arguments, **environ):
    """Run the program; returns its payloads, the rewards that it has printed, what the judge was asked, and stderr."""
    before = len(server.books)
    done = python(*PROGRAM, *arguments, cwd=folder, **{**environ, "TMPDIR": str(folder)})
    rewards = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    asked = [entry.request for entry in list(server.books)[before:] if entry.request.user.startswith("judge")]
    return payloads_in(folder), rewards, asked, done.stderr


def check(payloads, rewards, asked):
    """Hold each step against the trainer's rewards, and against the judge's replies in the server's books."""
    assert [payload["llm_telemetry/step"] for payload in payloads] == [1, 2]
    for payload, given in zip(payloads, rewards, strict=True):
        step = payload["llm_telemetry/step"]
        replies = Counter(reply(request) for request in asked if request.user.startswith(f"judge {step}-"))
        assert replies.total() == ITEMS
        for source in SOURCES:
            assert payload[f"dataset/{source}/count"] == ITEMS // 2
            assert payload[f"dataset/{source}/avg_reward"] == pytest.approx(sum(given[source]) / (ITEMS // 2))
        assert payload["llm/executor/calls"] == payload["llm/judge/calls"] == payload["judge/calls"] == ITEMS
        assert payload["judge/correct_count"] == replies["yes"]
        assert "llm/other/calls" not in payload


@pytest.mark.parametrize("way", ["main", "imported", "decorated", "async", "pool", "killed"])
def test_actors_of_a_cluster_that_is_up_already_are_counted_exactly(server, cluster, tmp_path, way):
    payloads, rewards, asked, _ = run(server, tmp_path, way, "environment", **cluster)
    check(payloads, rewards, asked)


def test_with_the_variable_alone_the_actors_of_a_cluster_of_ones_own_are_counted_exactly(server, tmp_path):
    with ray_cluster.folder() as folder:
        environ = {**ray_cluster.variables(server, folder), "LLM_TELEMETRY": "1", "LLM_TELEMETRY_CONSOLE": "0"}
        payloads, rewards, asked, _ = run(server, tmp_path, "main", "local", **environ)
    check(payloads, rewards, asked)
    assert list(tmp_path.glob("llm_telemetry-*")) == []


def test_after_setup_the_actors_of_a_cluster_of_ones_own_are_counted_exactly(server, tmp_path):
    with ray_cluster.folder() as folder:
        payloads, rewards, asked, _ = run(server, tmp_path, "main", "set up", **ray_cluster.variables(server, folder))
    check(payloads, rewards, asked)


def test_with_the_variable_alone_the_actors_of_a_cluster_that_is_up_are_counted_and_its_setup_hook_runs(
    server, cluster, tmp_path
):
    environ = {**cluster, "LLM_TELEMETRY": "1", "LLM_TELEMETRY_CONSOLE": "0", "SET_UP": str(tmp_path / "set-up")}
    payloads, rewards, asked, _ = run(server, tmp_path, "main", "variable", **environ)
    check(payloads, rewards, asked)
    assert (tmp_path / "set-up").exists()


def test_a_trainer_in_an_actor_of_its_own_owns_the_run(server, cluster, tmp_path):
    environ = {**cluster, "LLM_TELEMETRY": "1", "LLM_TELEMETRY_CONSOLE": "0", "LLM_TELEMETRY_FOLDER": str(tmp_path)}
    payloads, rewards, asked, _ = run(server, tmp_path, "imported", "runner", **environ)
    check(payloads, rewards, asked)


@pytest.mark.parametrize(("way", "role"), [("tasks", "other"), ("tasks in a scope", "judge")])
def test_calls_of_tasks_have_the_role_that_is_told_and_else_none(server, cluster, tmp_path, way, role):
    payloads, _, asked, _ = run(server, tmp_path, way, "environment", **cluster)
    assert [payload.get(f"llm/{role}/calls") for payload in payloads] == [ITEMS, ITEMS]
    assert len(asked) == 2 * ITEMS
    assert not any(f"llm/{another}/calls" in payloads[-1] for another in {"executor", "judge", "other"} - {role})


def test_an_owner_that_is_killed_goes_on_with_exact_totals(server, cluster, tmp_path):
    known = {**cluster, "LLM_TELEMETRY_RESUME": "1", "LLM_TELEMETRY_FOLDER": str(tmp_path)}
    _, first, asked, _ = run(server, tmp_path, "owner killed", "environment", check=False, **known)
    payloads, second, again, _ = run(server, tmp_path, "owner again", "environment", **known)
    check(payloads, first + second, asked + again)
    assert payloads[-1]["cost/executor_calls"] == payloads[-1]["cost/judge_calls"] == 2 * ITEMS


def test_an_owner_that_is_killed_in_a_step_counts_that_step_once_when_it_is_done_again(server, cluster, tmp_path):
    known = {**cluster, "LLM_TELEMETRY_RESUME": "1", "LLM_TELEMETRY_FOLDER": str(tmp_path)}
    _, first, before, _ = run(server, tmp_path, "owner killed in a step", "environment", check=False, **known)
    assert [request.user[:8] for request in before].count("judge 2-") == 1
    payloads, second, again, _ = run(server, tmp_path, "owner again", "environment", **known)
    check(payloads, first + second, [request for request in before if request.user.startswith("judge 1-")] + again)
    assert payloads[-1]["cost/executor_calls"] == payloads[-1]["cost/judge_calls"] == 2 * ITEMS


def test_what_the_job_has_set_is_not_set_again(monkeypatch):
    monkeypatch.setenv("LLM_TELEMETRY", "1")
    job = {"runtime_env": {"env_vars": {"LLM_TELEMETRY": "1"}}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    given = {}
    llm_telemetry.ray._init(lambda **kwargs: given.update(kwargs), None, (), {"num_cpus": 1})
    assert given == {"num_cpus": 1, "runtime_env": {"env_vars": {}}}


def test_when_ray_is_shut_down_no_machine_is_known_to_have_died(tmp_path):
    (tmp_path / NODES).write_text("a-node 1-aa-bb.jsonl\n")
    assert Post(tmp_path, has_actors=True).bereaved() == ()


def test_actors_that_cannot_be_heard_are_told_once(server, cluster, tmp_path):
    payloads, _, _, said = run(server, tmp_path, "main", "unheard", **cluster)
    assert [payload.get("llm/judge/calls") for payload in payloads] == [None, None]
    assert said.count("nothing is heard of the Ray actors that have parts of this trainer") == 1


def test_a_worker_starts_without_a_word(tmp_path):
    environ = {"LLM_TELEMETRY": "1", CHILDREN: str(tmp_path / "llm_telemetry-1-aa-bb")}
    done = python("-c", "import ray, ray._private.function_manager", cwd=tmp_path, **environ)
    assert done.stderr == ""


def test_a_runtime_environment_of_ones_own_is_kept(monkeypatch):
    monkeypatch.setenv("LLM_TELEMETRY_THRESHOLD", "0.5")
    monkeypatch.delenv("LLM_TELEMETRY", raising=False)
    given = {"pip": ["x"], "env_vars": {"THEIRS": "1", "LLM_TELEMETRY_THRESHOLD": "0.7"}}
    made = llm_telemetry.ray.runtime_env(given)
    assert made["pip"] == ["x"]
    assert made["env_vars"].pop(CHILDREN)
    assert made["env_vars"] == {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_THRESHOLD": "0.7", "THEIRS": "1"}
    assert given["env_vars"] == {"THEIRS": "1", "LLM_TELEMETRY_THRESHOLD": "0.7"}
