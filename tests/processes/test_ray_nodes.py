"""Ray over two machines: what actors on the other one do is counted in its step, by way of the collector."""

import pytest

from llm_telemetry.testing import LLMServer
from tests.processes.programs.ray_train import ITEMS
from tests.processes.test_ray import check, reply, run
from tests.support import machines, ray_cluster

pytestmark = machines.several_machines


@pytest.fixture(scope="module")
def server():
    with LLMServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def head(server):
    """The machine that programs run on."""
    with ray_cluster.head(server) as known:
        yield known


@pytest.fixture(scope="module")
def cluster(head):
    with ray_cluster.far(head, "far") as known:
        yield known


@pytest.mark.parametrize("way", ["main", "async", "pool", "killed", "collector killed"])
def test_actors_of_another_machine_are_counted_in_their_step(server, cluster, tmp_path, way):
    payloads, rewards, asked, said = run(server, tmp_path, way, "environment", **cluster)
    check(payloads, rewards, asked)
    assert "llm_telemetry: failed" not in said


def test_of_a_machine_that_dies_what_it_had_sent_counts_and_its_workers_are_told(server, head, tmp_path):
    with ray_cluster.far(head, "doomed") as known:
        payloads, rewards, asked, said = run(server, tmp_path, "machine killed", "environment", **known)
    assert [payload["llm_telemetry/step"] for payload in payloads] == [1, 2]
    assert "telemetry/unclosed_writers" not in payloads[0]
    last = payloads[-1]
    assert len([request for request in asked if request.user.startswith("judge 2-")]) == ITEMS
    assert last["llm/judge/calls"] == last["judge/calls"] == ITEMS - 1  # one had its answer, and was not sent
    assert last["llm/executor/calls"] == last["dataset/count"] == ITEMS
    assert last["dataset/unscored"] == 1
    scored = [reward for source in rewards[-1].values() for reward in source]
    assert last["dataset/avg_reward"] == pytest.approx(sum(scored) / (ITEMS - 1))
    assert last["telemetry/unclosed_writers"] == 2
    assert said.count("of another machine has ended without a word") == 2
