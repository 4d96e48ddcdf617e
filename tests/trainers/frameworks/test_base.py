"""What all frameworks stand on: a function gives rewards, a log call of the owner ends a step and takes keys along."""

import importlib
import json
import sys

import pytest

from llm_telemetry import InstrumentError, instrument, names
from llm_telemetry.trainers.frameworks.table import FRAMEWORKS, arrivals
from tests.support.children import payloads_in, python
from tests.support.frameworks import framework, write_framework  # noqa: F401 - a fixture
from tests.support.trainers import Memory
from tests.trainers.frameworks.standin_verl import MODULES

BATCHES = [
    [{"data_source": "sums", "answer": a, "uid": f"{i // 2}"} for i, a in enumerate("1100")],
    [{"data_source": s, "answer": "1", "uid": s} for s in ("sums", "capitals", "capitals")],
]
OURS = "llm_telemetry/step"


def score(_source, answer):
    return float(answer)


@pytest.fixture
def trainer(framework):  # noqa: F811
    framework(MODULES)
    return importlib.import_module("verl.trainer.ppo.v1.trainer_base").PPOTrainer(score)


def watched(trainer, tmp_path, **settings):
    memory = Memory()
    return memory, instrument(trainer.logger, folder=tmp_path, sinks=[memory], **settings)


def test_the_table_names_the_modules_that_the_finder_waits_for():
    seams = [seam.module for one in FRAMEWORKS for seam in (one.log, *one.seams) if seam]
    assert set(names.FRAMEWORKS) == set(seams)
    assert len(names.FRAMEWORKS) == len(set(names.FRAMEWORKS))


def test_a_row_that_is_logged_has_the_payload_of_its_step(trainer, tmp_path):
    _, telemetry = watched(trainer, tmp_path)
    with telemetry:
        trainer.fit(BATCHES)
    told = (OURS, "dataset/count", "val/count")
    steps = [(step, *map(row.get, told)) for step, row in trainer.logger.rows]
    assert steps == [(0, 0, None, 1), (1, 1, 4, 1), (2, 2, 3, 1)]


def test_each_rollout_counts_by_its_source_and_group_also_where_answers_are_alike(trainer, tmp_path):
    _, telemetry = watched(trainer, tmp_path)
    with telemetry:
        trainer.fit(BATCHES)
    (_, first), (_, second) = trainer.logger.rows[1:]
    assert (first["dataset/sums/accuracy"], first["group/count"], first["group/mixed"]) == (50.0, 2, 0.0)
    assert (second["dataset/sums/count"], second["dataset/capitals/count"]) == (1, 2)


def test_what_the_trainer_logs_stays_as_it_was(trainer, tmp_path):
    own = {"loss": 0.5, "dataset/count": "mine"}
    _, telemetry = watched(trainer, tmp_path)
    with telemetry:
        trainer.reward(BATCHES[0])
        trainer.logger.log(own, 7)
    ((_, row),) = trainer.logger.rows
    assert own == {"loss": 0.5, "dataset/count": "mine"}
    assert (row["loss"], row["dataset/count"], row[OURS]) == (0.5, "mine", 7)


def test_a_step_of_which_nothing_was_seen_is_logged_as_without_us(trainer, tmp_path):
    data = {"loss": 0.5}
    _, telemetry = watched(trainer, tmp_path)
    with telemetry:
        trainer.logger.log(data, 1)
    assert trainer.logger.rows[0][1] is data


def test_a_second_row_of_the_same_step_has_no_payload_again(trainer, tmp_path):
    memory, telemetry = watched(trainer, tmp_path)
    with telemetry:
        trainer.reward(BATCHES[0])
        trainer.logger.log({"loss": 0.5}, 1)
        trainer.logger.log({"more": 1.0}, 1)
    assert [row for _, row in trainer.logger.rows[1:]] == [{"more": 1.0}]
    assert len(memory.payloads) == 1


def test_a_reward_function_that_raises_leaves_its_rollout_unscored(trainer, tmp_path):
    _, telemetry = watched(trainer, tmp_path)
    with telemetry:
        with pytest.raises(ValueError, match="no number"):
            trainer.reward([{"data_source": "sums", "answer": "no number", "uid": "1"}])
        trainer.logger.log({}, 1)
    ((_, row),) = trainer.logger.rows
    assert (row["dataset/sums/unscored"], row.get("dataset/sums/accuracy")) == (1, None)


def test_a_part_that_is_known_cannot_be_named(trainer, tmp_path):
    with pytest.raises(InstrumentError, match="the parts of verl are known"):
        watched(trainer, tmp_path, reward="worker.compute_score")


def test_without_telemetry_nothing_is_left_behind(trainer, tmp_path):
    module = sys.modules["verl.experimental.reward_loop.reward_loop"]
    before = vars(type(trainer.logger))["log"], vars(module.RewardLoopWorker)["compute_score"]
    _, telemetry = watched(trainer, tmp_path)
    assert vars(type(trainer.logger))["log"] is not before[0]
    telemetry.uninstrument()
    assert (vars(type(trainer.logger))["log"], vars(module.RewardLoopWorker)["compute_score"]) == before
    assert arrivals not in sys.meta_path


PROGRAM = f"""
import json
from tests.trainers.frameworks.test_base import BATCHES, score
from verl.trainer.ppo.v1.trainer_base import PPOTrainer
trainer = PPOTrainer(score)
trainer.fit(BATCHES)
print(json.dumps([[step, row.get({OURS!r}), row.get("dataset/count")] for step, row in trainer.logger.rows]))
"""


OWN_LOGGER = """
from verl.utils.tracking import Tracking
class Own(Tracking):
    def __init__(self):
        super().__init__("project", "experiment")
        self.more = True
def own_init(self, score):
    self.worker, self.logger, self.global_steps = RewardLoopWorker(score), Own(), 0
PPOTrainer.__init__ = own_init
"""
ITS_OWN_CLASS = PROGRAM.replace("PPOTrainer\n", f"PPOTrainer, RewardLoopWorker{OWN_LOGGER}", 1)


@pytest.mark.parametrize("program", [PROGRAM, ITS_OWN_CLASS], ids=["its own logger", "a logger of the program's"])
def test_with_the_variable_alone_the_same(framework, tmp_path, program):  # noqa: F811
    framework(MODULES)
    environ = {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_FOLDER": str(tmp_path / "out"), "LLM_TELEMETRY_CONSOLE": "0"}
    path = f"{tmp_path / 'frameworks'}:{':'.join(sys.path)}"
    done = python("-c", program, cwd=tmp_path, **{**environ, "PYTHONPATH": path})
    assert json.loads(done.stdout) == [[0, 0, None], [1, 1, 4], [2, 2, 3]]
    assert [payload[OURS] for payload in payloads_in(tmp_path / "out")] == [0, 1, 1, 2, 2]
