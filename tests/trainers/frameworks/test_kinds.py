"""What the frameworks' kinds of functions do, with a stand-in for tinker-cookbook; the real ones are in `test_real`."""

import asyncio
import importlib

import pytest

from llm_telemetry import instrument
from llm_telemetry.events import Evaluation
from llm_telemetry.trainers.frameworks.agent_lightning import AGENT_LIGHTNING
from llm_telemetry.trainers.frameworks.art import ART
from llm_telemetry.trainers.frameworks.openrlhf import OPENRLHF
from llm_telemetry.trainers.frameworks.skyrl import SKYRL
from llm_telemetry.trainers.frameworks.table import FRAMEWORKS
from llm_telemetry.trainers.frameworks.work import key_of
from tests.support.frameworks import framework  # noqa: F401 - a fixture
from tests.support.trainers import Memory

MODULES = {
    "tinker_cookbook.utils.ml_log": """
        class MultiplexLogger:
            def __init__(self, loggers):
                self.rows = []

            def log_metrics(self, metrics, step=None):
                self.rows.append((step, metrics))
    """,
    "tinker_cookbook.rl.rollouts": """
        async def do_group_rollout(env_group_builder, policy, strategy=None, termination=None):
            return await env_group_builder.play()
    """,
    "tinker_cookbook.rl.train": """
        async def run_evaluations_parallel(evaluators, sampling_client, config, i_batch, store=None):
            return [await one() for one in evaluators]
    """,
}


class Group:
    rollout_errors = ()

    def __init__(self, source, rewards):
        self.source = source
        self.rewards = rewards

    async def play(self):
        await asyncio.sleep(0)
        return self

    def logging_tags(self):
        return [self.source]

    def get_total_rewards(self):
        return self.rewards


@pytest.fixture
def tinker(framework):  # noqa: F811
    framework(MODULES)
    return {name.rpartition(".")[2]: importlib.import_module(name) for name in MODULES}


@pytest.fixture
def logger(tinker, tmp_path):
    logger = tinker["ml_log"].MultiplexLogger([])
    with instrument(logger, folder=tmp_path, sinks=[Memory()]):
        yield logger


def test_rollouts_are_known_when_the_group_is_done(tinker, logger):
    asyncio.run(tinker["rollouts"].do_group_rollout(Group("sums", [1.0, 0.0]), None))
    logger.log_metrics({"loss": 0.5}, step=0)
    ((_, row),) = logger.rows
    assert (row["dataset/sums/count"], row["dataset/sums/accuracy"], row["group/mixed"]) == (2, 50.0, 1.0)


def test_a_group_that_raises_has_told_of_no_rollouts(tinker, logger):
    async def gone():
        raise ConnectionError

    group = Group("sums", [])
    group.play = gone
    with pytest.raises(ConnectionError):
        asyncio.run(tinker["rollouts"].do_group_rollout(group, None))
    logger.log_metrics({"loss": 0.5}, step=0)
    assert logger.rows == [(0, {"loss": 0.5})]


def test_a_training_task_beside_an_evaluation_is_no_part_of_it(tinker, logger):
    async def play_both():
        begun = asyncio.Event()

        async def evaluator():
            begun.set()
            await asyncio.sleep(0.01)
            await tinker["rollouts"].do_group_rollout(Group("letters", [1.0]), None)

        async def training():
            await begun.wait()
            await tinker["rollouts"].do_group_rollout(Group("sums", [0.0]), None)

        await asyncio.gather(training(), tinker["train"].run_evaluations_parallel([evaluator], None, None, 3))

    asyncio.run(play_both())
    logger.log_metrics({}, step=3)
    ((_, row),) = logger.rows
    assert (row["val/letters/count"], row["dataset/sums/count"], row["dataset/count"]) == (1, 1, 1)


class Engine:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def seam(framework, name):  # noqa: F811
    return next(one for one in framework.seams if one.path == name)


def told(kind, fields, result=None):
    """What a kind of function records of one call."""
    memory = Memory()
    with instrument(adapter="verifiers", sinks=[memory], jsonl=False, run=False) as telemetry:
        session, events = telemetry._session, []
        session.record = events.append
        from llm_telemetry.lifecycle.functions import scope_in  # noqa: PLC0415 - where the session is

        span = kind.opens("ruler")(session, scope_in(session, None), fields)
        span.begin()
        span.end(result, None)
    return events


def test_skyrl_takes_the_last_reward_of_a_trajectory_that_is_told_step_by_step():
    batch = {"env_classes": ["gsm8k", "code"], "env_extras": [{"data_source": "sums"}, {}], "trajectory_ids": None}
    output = {"rewards": [[0.5, 0.0], [0.0, 1.0], [0.0, 0.25]], "is_last_step": [False, True, True]}
    rollouts = told(seam(SKYRL, "SkyRLGymGenerator.generate").kind, {"input_batch": batch}, output)
    assert [(one.source, one.reward) for one in rollouts] == [("sums", 1.0), ("code", 0.25)]


def test_art_tells_failed_trajectories_and_the_split_and_reads_no_iterator():
    won = Engine(reward=1.0, metadata={"data_source": "sums"})
    group = Engine(trajectories=[won], exceptions=["gone"], metadata={"source": "games"})
    kind = seam(ART, "Model.log").kind
    rollouts = told(kind, {"trajectories": [group, ValueError()], "split": "test"})
    assert [(one.split, one.source, one.reward, one.failed) for one in rollouts] == [
        *(("val", "sums", 1.0, False), ("val", "games", None, True), ("val", "unknown", None, True)),
    ]
    given = iter([group])
    assert told(kind, {"trajectories": given, "split": "train"}) == []
    assert next(given) is group


def test_ruler_is_an_evaluation_of_each_trajectory():
    messages = [[{"role": "assistant", "content": text}] for text in ("one", "two")]
    scores = [Engine(score=0.25), Engine(score=0.75)]
    evaluations = told(seam(ART, "ruler").kind, {"message_lists": messages}, scores)
    assert all(isinstance(one, Evaluation) for one in evaluations)
    assert [one.score for one in evaluations] == [0.25, 0.75]


def test_agent_lightning_tells_a_rollout_by_its_name_with_its_split_and_whether_it_failed():
    def ended(name, state, reward, **more):
        rollout = Engine(rollout_id=name, status=Engine(state=state), **more)
        completed = Engine(final_reward=reward, input={"data_source": "sums"}, data_id="row")
        return told(
            seam(AGENT_LIGHTNING, "AglRolloutManagerBase._build_completed_rollout").kind,
            {"rollout": rollout},
            completed,
        )

    (won,), (gone,) = ended("a", "succeeded", 1.0, is_train=True), ended("b", "failed", None, is_train=False)
    assert (won.split, won.source, won.reward, won.group, won.failed) == ("train", "sums", 1.0, "row", False)
    assert (gone.split, gone.reward, gone.failed, gone.unscored) == ("val", None, True, False)
    assert won.keys == (key_of("a"),) != gone.keys


def test_openrlhf_with_a_reward_model_has_no_numbers_of_rollouts_and_says_so_once(caplog):
    kind = seam(OPENRLHF, "SamplesGenerator._process_response_into_experience").kind
    response = {"prompt": "1 + 1?", "reward": None}

    def answered(remote_url):
        return told(kind, {"self": Engine(args=Engine(reward=Engine(remote_url=remote_url))), "response": response})

    assert answered(None) == []
    assert caplog.text.count("OpenRLHF gives its rewards by a model of its own") == 1
    assert [one.unscored for one in answered(["scores.py"])] == [True]


def test_every_seam_of_a_framework_is_named_once():
    for one in FRAMEWORKS:
        places = [(seam.module, seam.path) for seam in one.seams]
        assert len(places) == len(set(places))
