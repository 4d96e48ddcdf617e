"""`instrument()` itself: what it refuses and how it says so, and what being watched twice means."""

import inspect
import logging
import math
import re

import pytest

from llm_telemetry import InstrumentError, instrument
from llm_telemetry.api import uninstrument
from llm_telemetry.settings.config import SETTINGS
from tests.support.loops import Grader, Loop, SyncExecutor
from tests.support.trainers import DataManager, Executor, RewardComputer, Trainer, train_step, watch


class Nothing:
    """An object with nothing to hook."""

    colour = "blue"

    def __init__(self):
        self.size = 3

    def fit(self):
        pass


@pytest.mark.parametrize("trainer", [None, Trainer, Nothing(), 5, "trainer", [], lambda: None])
def test_what_is_no_trainer_is_refused(trainer):
    with pytest.raises(InstrumentError):
        instrument(trainer)


def test_the_refusal_says_what_was_given():
    with pytest.raises(InstrumentError, match="None"):
        instrument(None)
    with pytest.raises(InstrumentError, match="class Trainer"):
        instrument(Trainer)


def test_the_refusal_of_an_object_says_what_was_looked_for_and_what_was_seen():
    with pytest.raises(InstrumentError) as caught:
        instrument(Nothing())
    for name in ("Nothing", "train_step", "training_step", "execute_workflow", "compute_reward", "size", "fit"):
        assert re.search(rf"\b{name}\b", str(caught.value)), name


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"threshold": "high"}, "threshold.*'high'"),
        ({"threshold": math.nan}, "threshold.*nan"),
        ({"threshold": math.inf}, "threshold.*inf"),
        ({"threshold": True}, "threshold.*True"),
        ({"console": -1}, "console.*-1"),
        ({"console": 1.5}, "console.*1.5"),
        ({"console": True}, "console.*True"),
        ({"step": 3}, "step.*3"),
        ({"sinks": [object()]}, "sinks.*write"),
        ({"collectors": [object()]}, "collectors.*add"),
        ({"sinks": object()}, "sinks.*list"),
        ({"collectors": 3}, "collectors.*list"),
        ({"folder": 3}, "folder.*3"),
        ({"policy": "gpt-4o"}, "policy.*client.*gpt-4o"),
        ({"policy": [object()]}, "policy.*client"),
        ({"judge_parser": 3}, "parser"),
        ({"judge_parser": "("}, "parser"),
        ({"prices": {"m": {"input": 1, "output": 1, "per_image": 2}}}, "'m'.*per_image"),
        ({"prices": {"m": {"input": 1}}}, "'m'.*output"),
        ({"prices": {"m": {"input": -1, "output": 1}}}, "'m'.*'input'.*-1"),
        ({"prices": {"m": {"input": 1, "output": math.nan}}}, "'m'.*'output'.*nan"),
        ({"prices": {"m": {"input": 1, "output": math.inf}}}, "'m'.*'output'.*inf"),
        ({"prices": {"m": {"input": True, "output": 1}}}, "'m'.*'input'.*True"),
        ({"prices": {"m": {"input": "cheap", "output": 1}}}, "'m'.*'input'.*cheap"),
        ({"prices": {"m": {"input": None, "output": 1}}}, "'m'.*'input'.*None"),
        ({"prices": {"m": 1}}, "'m'.*mapping"),
        ({"prices": [1]}, "prices"),
        ({"prices": {3: {"input": 1, "output": 1}}}, "prices.*3"),
        ({"run": "my-run"}, "run.*my-run"),
        ({"run": True}, "run.*True"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else value,
)
def test_a_setting_that_cannot_work_is_refused_by_name_before_anything_is_hooked(settings, told):
    trainer = Trainer()
    with pytest.raises(InstrumentError, match=f"(?s){told}"):
        instrument(trainer, **{"run": False, **settings})
    assert not hasattr(Trainer.train_step, "__wrapped__")
    instrument(trainer, run=False, console=0)


def test_a_setting_that_there_is_not_is_python_s_own_error():
    with pytest.raises(TypeError, match="colour"):
        instrument(Trainer(), colour="blue")


def test_there_is_a_keyword_of_the_right_type_for_each_setting_of_the_table():
    keywords = inspect.signature(instrument).parameters
    assert [*keywords] == ["trainer", *(row.name for row in SETTINGS)]
    assert {keyword.default for name, keyword in keywords.items() if name != "trainer"} == {None}
    assert {keyword.kind for name, keyword in keywords.items() if name != "trainer"} == {inspect.Parameter.KEYWORD_ONLY}
    types = {"Any": "object | None", "tuple[Any, ...]": "Sequence", "Path | None": "str | os.PathLike[str] | None"}
    for row in SETTINGS:
        wanted = types.get(row.type, row.type)
        assert row.name == "adapter" or keywords[row.name].annotation.startswith(wanted), row.name


def test_a_part_that_a_variable_names_and_that_is_not_there_is_told_and_raises_nothing(monkeypatch, capsys):
    monkeypatch.setenv("LLM_TELEMETRY_EXECUTOR", "engine.typo")
    trainer = Trainer()
    assert instrument(trainer, run=False, console=0).path is None
    told = capsys.readouterr().err
    assert told.startswith("llm_telemetry: LLM_TELEMETRY_EXECUTOR: executor 'engine.typo': Trainer has no attribute")
    assert told.endswith("Your program goes on without telemetry.\n")
    assert not hasattr(Trainer.train_step, "__wrapped__")
    monkeypatch.delenv("LLM_TELEMETRY_EXECUTOR")
    with pytest.raises(InstrumentError, match=r"reward computer 'engine\.typo'"):
        instrument(trainer, reward="engine.typo")


def test_a_lambda_of_a_cell_that_is_run_again_is_the_same_setting(tmp_path):
    trainer = Trainer()

    def cell(parser):
        return instrument(trainer, run=False, console=0, folder=tmp_path, judge_parser=parser)

    def make(word):
        return lambda text: word in text

    first = cell(make("yes"))
    assert cell(make("yes")) is first
    with pytest.raises(InstrumentError, match="judge_parser"):
        cell(make("no"))


def test_what_a_setting_may_be_besides(tmp_path):
    trainer = Trainer()
    with watch(trainer, tmp_path, threshold=1, prices={}, sinks=None, collectors=(), judge_parser=r"(\w+)")[
        0
    ] as handle:
        assert handle._config.threshold == 1


def test_the_same_settings_again_are_the_same_handle(tmp_path):
    trainer = Trainer()
    settings = {"run": False, "console": 0, "folder": tmp_path, "prices": {"m": {"input": 1, "output": 2}}}
    assert instrument(trainer, **settings) is instrument(trainer, **settings)


def test_other_settings_for_a_watched_trainer_are_refused_by_name(tmp_path):
    trainer = Trainer()
    instrument(trainer, run=False, console=0, folder=tmp_path)
    with pytest.raises(InstrumentError, match=r"console.*threshold|threshold.*console"):
        instrument(trainer, run=False, console=5, threshold=0.5, folder=tmp_path)


def test_uninstrument_twice_is_a_no_op_and_watching_again_starts_anew(tmp_path):
    trainer = Loop(lambda t: t.executor.execute("2 + 2?"), executor=SyncExecutor())
    telemetry, _ = watch(trainer, tmp_path)
    telemetry.uninstrument()
    telemetry.uninstrument()
    uninstrument(trainer)
    again, memory = watch(trainer, tmp_path, threshold=0.5)
    assert again is not telemetry
    telemetry.uninstrument()
    trainer.train_step(1)
    assert memory.last["dataset/count"] == 1


def test_uninstrument_of_what_is_not_watched_is_a_no_op():
    uninstrument(Trainer())
    uninstrument(None)


def test_a_context_manager_takes_itself_off_and_lets_the_exception_pass(tmp_path):
    trainer, error = Trainer(), KeyError("x")
    telemetry, _ = watch(trainer, tmp_path)

    def leave_by_an_exception():
        with telemetry as entered:
            assert entered is telemetry
            assert hasattr(Trainer.train_step, "__wrapped__")
            raise error

    with pytest.raises(KeyError) as caught:
        leave_by_an_exception()
    assert caught.value is error
    assert not hasattr(Trainer.train_step, "__wrapped__")


def test_a_second_trainer_of_the_class_outlives_the_first(tmp_path):
    def trainer():
        return Loop(lambda t: t.executor.execute("2 + 2?"), executor=SyncExecutor())

    first, second = trainer(), trainer()
    (handle, of_first), (_, of_second) = watch(first, tmp_path / "1"), watch(second, tmp_path / "2")
    first.train_step(1)
    handle.uninstrument()
    first.train_step(2)
    second.train_step(1)
    assert len(of_first.payloads) == len(of_second.payloads) == 1
    assert of_second.last["dataset/count"] == 1


def test_missing_parts_are_said_once_each(tmp_path, caplog):
    trainer = Loop(lambda _: None, reward=Grader())
    with caplog.at_level(logging.WARNING, "llm_telemetry"):
        watch(trainer, tmp_path)
        trainer.train_step(1)
        trainer.train_step(2)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "no executor" in told[0]
    assert "no judge" in told[1]


def test_a_complete_trainer_is_watched_without_a_word(tmp_path, caplog, capsys):
    with caplog.at_level(logging.DEBUG, "llm_telemetry"):
        watch(Trainer(), tmp_path)
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


def test_a_trainer_that_cannot_be_hooked_is_refused_and_left_as_it_was(tmp_path):
    class Sealed(type):
        def __setattr__(cls, name, value):
            raise TypeError(f"{cls.__name__} is sealed")

    class Judge(metaclass=Sealed):
        def compute_reward(self, problem, prediction):
            return 1.0

    trainer = Trainer(reward_computer=Judge())
    with pytest.raises(InstrumentError, match="sealed"):
        watch(trainer, tmp_path)
    for owner, name in ((Trainer, "train_step"), (Executor, "execute_workflow"), (DataManager, "sample_batch")):
        assert not hasattr(vars(owner)[name], "__wrapped__")


def test_a_handle_tells_where_the_payloads_are_and_prints_what_was_counted(tmp_path, capsys):
    trainer = Trainer(reward_computer=RewardComputer(judge=lambda *_: True))

    async def answer(_):
        return "4", 0, {"success": True}

    trainer.executor.work = answer
    telemetry, _ = watch(trainer, tmp_path)
    assert telemetry.path is None
    train_step(trainer)
    assert len(telemetry.path.read_text().splitlines()) == 1
    asked = trainer.reward_computer._llm_judge_compare("2 + 2?", "4", "4")
    telemetry.print_summary()
    assert asked
    assert re.search(r"gsm8k +1", capsys.readouterr().out)


def test_print_summary_after_a_step_shows_its_payload(tmp_path, capsys):
    async def answer(_):
        return "4", 0, {"success": True}

    trainer = Trainer(executor=Executor(answer), reward_computer=RewardComputer(judge=lambda *_: True))
    telemetry, _ = watch(trainer, tmp_path)
    telemetry.print_summary()
    assert "llm_telemetry · " not in capsys.readouterr().out
    train_step(trainer, 7)
    telemetry.print_summary()
    assert "llm_telemetry · train · step 7" in capsys.readouterr().out
