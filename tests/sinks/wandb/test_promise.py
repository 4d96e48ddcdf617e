"""The promise, on W&B itself, offline: the trainer's rows with us are its rows without us; no payload is lost."""

from __future__ import annotations

import inspect
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_telemetry.events import STEP_KEY
from llm_telemetry.sinks.wandb.sink import WandbSink
from tests.support.sinks import folder_of
from tests.support.wandb_model import ModelRun
from tests.support.wandb_offline import Written, tear_down
from tests.support.wandb_trainers import (
    PATTERNS,
    Log,
    Pay,
    payload,
    payload_numbers,
    payload_places,
    play,
    programs,
    trainer_values,
)

wandb = pytest.importorskip("wandb")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.ERROR, logger="llm_telemetry")


def run_alone(begin, program):
    run = begin(reinit="create_new")
    folder = folder_of(run)
    outcomes = play(program, run.log)
    run.finish()
    return folder, outcomes


def run_with_sink(begin, program):
    """Play `program` in a run that is not `wandb.run`."""
    run = begin(reinit="create_new")
    folder = folder_of(run)
    sink = WandbSink(run)
    sink.attach()
    outcomes = play(program, run.log, sink.write)
    run.finish()
    assert not {"_log", "_define_metric", "finish", "_finish"} & vars(run).keys()
    return folder, outcomes


def check(begin, some_programs):
    """Play each program with and without us, read all files back, and compare."""
    pairs = [(run_alone(begin, program), run_with_sink(begin, program)) for program in some_programs]
    tear_down()
    for program, ((alone, expected), (watched, actual)) in zip(some_programs, pairs, strict=True):
        model = ModelRun()
        play(program, model.log)
        model.finish()
        rows = Written(watched).rows
        assert len(expected) == len(actual)
        assert [outcome is None for outcome in actual] == [outcome is None for outcome in expected]
        assert trainer_values(rows) == trainer_values(Written(alone).rows) == trainer_values(model.rows)
        assert sorted(number for number, _ in payload_places(rows)) == payload_numbers(program)


@pytest.mark.long
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(programs(), min_size=8, max_size=8))
def test_random_trainers(begin, some_programs):
    """Random trainers, eight to an example; the model that `test_model.py` searches with says what W&B says."""
    check(begin, some_programs)


def test_patterns(begin):
    """All the patterns of the field's table, and a few more."""
    check(begin, list(PATTERNS.values()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("explicit, after", range(1, 13)),
        pytest.param("explicit, within", range(1, 13)),
        pytest.param("explicit, every 4th step", range(1, 13)),
        pytest.param("no step, after", range(12)),
    ],
)
def test_rows_of_their_own_step(name, expected):
    """A payload lands in the row of its own training step, where the trainer counts as we do."""
    run = ModelRun()
    sink = WandbSink(run)
    sink.attach()
    play(PATTERNS[name], run.log, sink.write)
    run.finish()
    assert [place for _, place in payload_places(run.rows)] == list(expected)


def test_every_way_to_log(begin):
    """`wandb.log`, `run.log`, a name imported before we came, a held bound method: each is observed."""
    run = begin()
    folder = folder_of(run)
    from wandb import log as imported  # noqa: PLC0415 - bound by `init`, as in a user's module

    ways = [run.log, wandb.log, imported, lambda data, step=None, commit=None: run.log(data, step, commit)]
    sink = WandbSink()
    sink.attach()
    program = [operation for step in range(1, 5) for operation in (Pay(step), Log(step=step))]
    play(program, lambda data, step, commit: ways[step - 1](data, step=step, commit=commit), sink.write)
    run.finish()
    wandb.teardown()
    assert trainer_values(Written(folder).rows) == {("loss", 1001.0 + 2 * i): i + 1 for i in range(4)}
    assert payload_places(Written(folder).rows) == [(2.0 * i, i + 1) for i in range(4)]


def test_lazy_attachment(begin):
    """Payloads from before `wandb.init` go to the run that then begins; nothing of ours imports or begins W&B."""
    sink = WandbSink()
    sink.write(payload(1, 1.0))
    assert sink.run_dir() is None
    run = begin()
    folder = folder_of(run)
    sink.write(payload(2, 2.0))
    assert sink.run_dir() == folder
    run.finish()
    assert sink.run_dir() is None
    wandb.teardown()
    assert [number for number, _ in payload_places(Written(folder).rows)] == [1.0, 2.0]


@pytest.mark.parametrize("reinit", ["finish_previous", True, "default"])
def test_one_run_after_the_other(begin, reinit):
    """Each run gets the payloads that were written while it was `wandb.run`; what is left goes out with it."""
    sink = WandbSink()
    folders = []
    for number in (1, 2, 3):
        run = begin(reinit=reinit) if reinit != "default" else begin()
        folders.append(folder_of(run))
        sink.write(payload(1, number * 10.0))
        run.log({"loss": 1000.0 + number})
        sink.write(payload(2, number * 10.0 + 1))
        if reinit == "default":
            run.finish()
    if reinit != "default":
        run.finish()
    sink.write(payload(3, 99.0))
    assert sink.payloads_missed == 1
    wandb.teardown()
    for number, folder in enumerate(folders, start=1):
        places = payload_places(Written(folder).rows)
        assert places == [(number * 10.0, 0), (number * 10.0 + 1, 1)]


def test_run_changes_while_the_former_goes_on(begin):
    """A former run keeps its queue, and is observed until its own end."""
    sink = WandbSink()
    first = begin()
    sink.write(payload(1, 1.0))
    sink.write(payload(2, 2.0))
    second = begin(reinit="create_new")
    wandb.run, kept = second, wandb.run  # what a program does that juggles runs
    sink.write(payload(3, 3.0))
    folders = [folder_of(first), folder_of(second)]
    first.log({"loss": 1001.0})
    second.finish()
    wandb.run = kept
    sink.write(payload(4, 4.0))
    first.finish()
    wandb.teardown()
    assert payload_places(Written(folders[0]).rows) == [(1.0, 0), (2.0, 1), (4.0, 2)]
    assert payload_places(Written(folders[1]).rows) == [(3.0, 0)]


def test_finish_straight_after(begin):
    """The last payload is in the trainer's last row, which is still open."""
    run = begin()
    folder = folder_of(run)
    sink = WandbSink()
    sink.attach()
    run.log({"loss": 1000.0}, step=5)
    sink.write(payload(5, 1.0))
    wandb.finish()
    wandb.teardown()
    assert trainer_values(Written(folder).rows) == {("loss", 1000.0): 5}
    assert payload_places(Written(folder).rows) == [(1.0, 5)]


def test_closing_in_the_middle(begin):
    """After `close`, the run carries none of our overrides, the trainer's rows stay, and no payload is lost."""
    program = PATTERNS["explicit, every 4th step"]
    run = begin()
    folder = folder_of(run)
    sink = WandbSink()
    sink.attach()
    before = set(vars(run)) - {"_log", "_define_metric"}
    play(program[:3], run.log, sink.write)
    sink.close()
    assert set(vars(run)) == before
    sink.write(payload(99, 99.0))
    play(program[3:], run.log)
    run.finish()
    wandb.teardown()
    rows = Written(folder).rows
    assert [number for number, _ in payload_places(rows)] == [0.0, 1.0, 2.0]
    assert sorted(trainer_values(rows).values()) == [4, 8, 12]


def test_closing_after_two_runs():
    """All the runs that still go on are left without a trace, also one that was left and taken up again."""
    first, second = ModelRun(), ModelRun()
    before = vars(first).keys() | set()
    sink = WandbSink(first)
    for run in (first, second, first):
        sink._given = run
        sink.attach()
    first.log({"loss": 1000.0})
    sink.close()
    assert vars(first).keys() == vars(second).keys() == before


def test_other_hooks_at_the_end(begin):
    """The list of what W&B does when a run ends is not disturbed while W&B walks over it."""
    run, called = begin(), []
    sink = WandbSink()
    sink.attach()
    sink.write(payload(1, 1.0))
    hook = run._teardown_hooks[-1]
    run._teardown_hooks.append(hook._replace(call=lambda: called.append(1)))
    run.finish()
    assert called == [1]


def test_closing_leaves_no_trace(begin):
    """With nothing left to write, the run is as it was before we came, its list of hooks too."""
    run = begin()
    before, hooks = dict(vars(run)), list(run._teardown_hooks)
    sink = WandbSink()
    sink.attach()
    sink.write(payload(1, 1.0))
    assert vars(run).keys() - before.keys() == {"_log", "_define_metric"}
    sink.close()
    assert vars(run).keys() == before.keys()
    assert run._teardown_hooks == hooks
    run.finish()


def test_somebody_on_top_of_us(begin):
    """An override that came after ours stays when we go, and still works."""
    run = begin()
    folder = folder_of(run)
    sink = WandbSink()
    sink.attach()
    seen, ours = [], run._log

    def theirs(data, step=None, commit=None):
        seen.append(data)
        return ours(data, step, commit)

    run._log = theirs
    sink.close()
    run.log({"loss": 1000.0})
    assert run._log is theirs
    assert seen == [{"loss": 1000.0}]
    run.finish()
    wandb.teardown()
    assert trainer_values(Written(folder).rows) == {("loss", 1000.0): 0}


def test_the_override_looks_like_the_method(begin):
    """Name and signature are those of W&B's method."""
    run = begin()
    plain = (run._log.__name__, inspect.signature(run._log))
    sink = WandbSink()
    sink.attach()
    assert (run._log.__name__, inspect.signature(run._log)) == plain
    run.finish()


def test_rows_end_where_they_must(begin):
    """What is left at the end takes the next rows, one each: a resumed run starts no later than it has to."""
    run = begin()
    folder = folder_of(run)
    sink = WandbSink()
    sink.attach()
    run.log({"loss": 1000.0}, step=3)
    for step in (5000, 5001, 5002):
        sink.write(payload(step, float(step)))
    run.finish()
    wandb.teardown()
    assert [place for _, place in payload_places(Written(folder).rows)] == [3, 4, 5]


def test_summary_shows_totals_at_once(begin):
    """Totals are in the summary while payloads wait, also after an older payload has been written."""
    run = begin()
    folder = folder_of(run)
    sink = WandbSink()
    for step in (1, 2, 3):
        sink.write(payload(step, float(step)))
    assert run.summary["cost/total_cost"] == 3.0
    run.log({"loss": 1000.0})
    assert run.summary["cost/total_cost"] == 3.0
    run.finish()
    wandb.teardown()
    assert Written(folder).summary["cost/total_cost"] == 3.0
    assert Written(folder).summary[STEP_KEY] == 3
