"""What is taken for an executor, a reward computer, a judge; by shape and by name."""

import functools
import types
from dataclasses import dataclass

import pytest

from llm_telemetry import instrument
from llm_telemetry.settings.config import Config, InstrumentError
from llm_telemetry.trainers.by_shape import ByShape
from llm_telemetry.trainers.kinds import JUDGE, STEP
from tests.support.loops import Grader, Loop, SyncExecutor, payload_of


class Nothing:
    def train_step(self, step):
        pass


def parts_of(settings=None, **attributes):
    trainer = Nothing()
    vars(trainer).update(attributes)
    watched = ByShape().find(trainer, Config.of(settings or {})).watched
    parts = {kind.name: part for kind, part in watched}
    judges = [part for kind, part in watched if kind == JUDGE]
    return types.SimpleNamespace(**{n: parts.get(n) for n in ("executor", "reward", "items")}, judges=judges)


def method(name):
    """An object that has this one method."""
    return type("Thing", (), {name: lambda self, problem, prediction=None: 1.0})()


@pytest.mark.parametrize("name", ["execute_workflow", "execute", "run", "__call__"])
def test_an_executor_is_known_by_its_attribute_and_its_method(name):
    assert parts_of(workflow_runner=method(name)).executor.name == name


@pytest.mark.parametrize("name", ["compute_reward", "get_reward", "score", "__call__"])
def test_a_reward_computer_is_known_by_its_attribute_and_its_method(name):
    assert parts_of(grader=method(name)).reward.name == name


def test_a_telling_method_is_enough_whatever_the_attribute_is_called():
    parts = parts_of(a=method("compute_reward"), b=method("execute_workflow"), c=method("sample_batch"))
    assert (parts.reward.name, parts.executor.name) == ("compute_reward", "execute_workflow")
    assert parts.items.name == "sample_batch"


def test_what_only_looks_like_a_part_is_none():
    class Settings:
        pass

    parts = parts_of(
        reward_weights=[1.0], reward_config=Settings(), executor_count=4, agent="gpt", engine=dict, run=method("run")
    )
    assert (parts.executor, parts.reward) == (None, None)


def test_settings_with_a_telling_name_do_not_hide_the_part_itself(tmp_path):
    settings = types.SimpleNamespace(timeout=30)
    parts = parts_of(reward_config=settings, rubric=method("compute_reward"), rollout_config=settings)
    assert (parts.reward.name, parts.executor) == ("compute_reward", None)
    trainer = Loop(lambda t: t.reward_fn("2 + 2?", "4"), reward_config=settings, reward_fn=grade)
    assert payload_of(trainer, tmp_path)["dataset/count"] == 1


def test_an_executor_on_the_trainer_itself(tmp_path):
    class Trainer(Loop):
        def execute_workflow(self, problem):
            return problem

    def body(trainer):
        trainer.reward.compute_reward("2 + 2?", trainer.execute_workflow("2 + 2?"))

    payload = payload_of(Trainer(body, reward=Grader()), tmp_path)
    assert (payload["dataset/count"], payload["dataset/accuracy"], payload["dataset/unknown/failed"]) == (1, 100, 0)


def grade(problem, prediction):
    return 1.0


class Callable:
    def __call__(self, problem, prediction):
        return 1.0


class Static:
    @staticmethod
    def compute_reward(problem, prediction):
        return 1.0


class Classy:
    @classmethod
    def compute_reward(cls, problem, prediction):
        return 1.0


@dataclass(frozen=True)
class Frozen:
    strictness: float

    def compute_reward(self, problem, prediction):
        return self.strictness


class Slotted:
    __slots__ = ()

    def compute_reward(self, problem, prediction):
        return 1.0


class Asynchronous:
    async def compute_reward(self, problem, prediction):
        return 1.0


@pytest.mark.parametrize(
    ("reward", "name"),
    [
        (grade, None),
        (lambda problem, prediction: 1.0, None),
        (functools.partial(grade), None),
        (functools.lru_cache(grade), None),
        (Callable(), None),
        (Static(), "compute_reward"),
        (Classy(), "compute_reward"),
        (Frozen(1.0), "compute_reward"),
        (Slotted(), "compute_reward"),
        (Asynchronous(), "compute_reward"),
    ],
    ids=["function", "lambda", "partial", "cached", "object", "static", "class", "frozen", "slots", "async"],
)
def test_every_kind_of_reward_function_is_watched(tmp_path, reward, name):
    def body(trainer):
        function = getattr(trainer.reward_fn, name) if name else trainer.reward_fn
        return function("2 + 2?", "4")

    payload = payload_of(Loop(body, reward_fn=reward, executor=SyncExecutor()), tmp_path)
    assert (payload["dataset/count"], payload["dataset/accuracy"]) == (1, 100)


def test_a_reward_function_in_a_slot_cannot_be_watched_and_can_still_be_replaced(tmp_path, caplog):
    class Trainer:
        __slots__ = ("reward_fn",)

        def train_step(self, step=None):
            self.reward_fn("2 + 2?", "4")
            self.reward_fn = grade
            self.reward_fn("3 + 3?", "6")

    trainer = Trainer()
    trainer.reward_fn = grade
    assert "dataset/count" not in payload_of(trainer, tmp_path)
    assert "no reward computer found" in caplog.text


def test_a_trainer_without_an_executor_and_without_a_judge_has_rollouts(tmp_path):
    payload = payload_of(Loop(lambda t: t.reward.compute_reward("2 + 2?", "4"), reward=Grader()), tmp_path)
    assert (payload["dataset/count"], payload["dataset/accuracy"]) == (1, 100)
    assert "judge/calls" not in payload


# --- judges


def judges_of(**methods):
    reward = type("Rewards", (), {"compute_reward": grade, **methods})()
    return [part.name for part in parts_of(reward_computer=reward).judges]


def judge(self, problem, prediction):
    return True


def without_arguments(self):
    return None


def to_text(self, problem, prediction) -> str:
    return ""


def test_a_judge_takes_a_prediction_and_gives_a_verdict():
    assert judges_of(judge_answer=judge) == ["judge_answer"]
    assert judges_of(ask_the_judge=judge) == ["ask_the_judge"]


@pytest.mark.parametrize(
    "name", ["_init_llm_judge_client", "_build_judge_prompt", "_parse_judge_output", "judge_stats"]
)
def test_what_serves_the_judge_is_no_judge(name):
    assert judges_of(**{name: judge}) == []


def test_a_method_about_the_judge_that_takes_no_prediction_or_gives_text_is_no_judge():
    assert judges_of(judge_ready=without_arguments, judge_explanation=to_text) == []


def test_two_judges_are_both_judges():
    assert judges_of(judge_math_answer=judge, judge_code_output=judge) == ["judge_code_output", "judge_math_answer"]


def test_the_known_name_wins():
    assert judges_of(_llm_judge_compare=judge, judge_answer=judge) == ["_llm_judge_compare"]


def test_two_judges_that_call_each_other_are_one_evaluation(tmp_path):
    class Rewards:
        def compute_reward(self, problem, prediction):
            return float(self.judge_answer(problem, prediction))

        def judge_answer(self, problem, prediction):
            return self.judge_strict_answer(problem, prediction)

        def judge_strict_answer(self, problem, prediction):
            return True

    payload = payload_of(Loop(lambda t: t.reward.compute_reward("2 + 2?", "4"), reward=Rewards()), tmp_path)
    assert payload["judge/calls"] == payload["judge/correct_count"] == 1


class Named:
    """A reward computer whose judge nobody would guess."""

    def compute_reward(self, problem, prediction):
        return float(self.same(problem, prediction))

    def same(self, problem, prediction):
        return True


class Panel:
    def compare(self, problem, prediction):
        return True


def test_a_judge_given_by_name_is_the_judge(tmp_path):
    trainer = Loop(lambda t: t.reward.compute_reward("2 + 2?", "4"), reward=Named())
    assert payload_of(trainer, tmp_path, judge="same")["judge/calls"] == 1


@pytest.mark.parametrize("given", ["panel", "panel.compare"])
def test_a_judge_given_by_path_is_the_judge(tmp_path, given):
    trainer = Loop(lambda t: t.panel.compare("2 + 2?", "4"), reward=Grader(), panel=Panel())
    assert payload_of(trainer, tmp_path, judge=given)["judge/calls"] == 1


def test_a_judge_given_as_an_object_is_the_judge(tmp_path):
    panel = Panel()
    assert payload_of(Loop(lambda _: panel.compare("2 + 2?", "4")), tmp_path, judge=panel)["judge/calls"] == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"judge": "nobody"}, "nobody.*compute_reward.*same"),
        ({"executor": "nobody"}, "nobody.*reward"),
        ({"executor": "reward.nobody"}, "Named has no attribute 'nobody'.*same"),
        ({"reward": "nobody"}, "nobody"),
        ({"reward": object()}, "none of the methods.*compute_reward"),
        ({"items": "data.nobody"}, "Items has no attribute 'nobody'.*sample_batch"),
        ({"step": "nobody"}, "nobody.*train_step"),
        ({"validation": "nobody"}, "nobody.*train_step"),
    ],
)
def test_a_name_that_does_not_exist_is_an_error_that_says_what_there_is(tmp_path, settings, told):
    with pytest.raises(InstrumentError, match=told):
        payload_of(Loop(lambda _: None, reward=Named()), tmp_path, **settings)


def test_a_training_step_of_a_hugging_face_trainer_is_a_micro_batch_and_no_step(tmp_path):
    base = type("Trainer", (), {"__module__": "transformers.trainer", "training_step": lambda self, model: 0.0})

    class OfTransformers(base):
        executor = None

        def training_step(self, model):
            return super().training_step(model)

    class Own:
        def training_step(self, model):
            return 0.0

    for cls, steps in ((OfTransformers, []), (Own, ["training_step"])):
        assert [name for name, kind in ByShape().entrances(cls) if kind == STEP] == steps
    with pytest.raises(InstrumentError, match="has no step method"):
        instrument(OfTransformers(), folder=tmp_path)


def test_what_is_a_generator_is_told_for_it_works_when_its_call_is_over(tmp_path, caplog):
    class Streaming:
        async def execute(self, problem):
            yield problem

    class Stepping(Loop):
        def train_step(self, step=None):
            yield step

    instrument(Stepping(None, executor=Streaming(), reward=Grader()), folder=tmp_path, run=False)
    told = [message.partition(" is a generator")[0] for message in caplog.messages if "is a generator" in message]
    assert told == [
        f"llm_telemetry: Stepping: {part}" for part in ("step Stepping.train_step", "executor Streaming.execute")
    ]


def test_a_generator_that_hands_out_items_is_as_it_should_be(tmp_path, caplog):
    class Batches:
        def sample_batch(self):
            yield {"problem": "?"}

    instrument(Loop(None, executor=SyncExecutor(), reward=Grader(), data=Batches()), folder=tmp_path, run=False)
    assert "is a generator" not in caplog.text
