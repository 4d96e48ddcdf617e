"""Runs that are none, or end early, and calls that fail: the trainer's stay what they are, ours are not lost."""

from __future__ import annotations

import pytest

from llm_telemetry.sinks.wandb import access as _seams
from llm_telemetry.sinks.wandb import rider as _rider
from llm_telemetry.sinks.wandb.sink import LARGEST_WAIT
from tests.support.sinks import attached, folder_of
from tests.support.wandb_model import ModelRun
from tests.support.wandb_offline import Written
from tests.support.wandb_trainers import PATTERNS, Log, Pay, payload, payload_places, play, trainer_values

wandb = pytest.importorskip("wandb")

# Runs that are none


def test_disabled(begin):
    """A disabled run is left alone, and so is the trainer."""
    run = begin(mode="disabled")
    before = set(vars(run))
    sink = attached()
    sink.write(payload(1, 1.0))
    run.log({"loss": 1000.0})
    assert set(vars(run)) == before
    assert sink.run_dir() is None
    assert sink.payloads_missed == 0
    run.finish()


def test_absent():
    """Without a run, payloads wait, a few of them; without wandb as well."""
    sink = attached()
    for step in range(2 * LARGEST_WAIT):
        sink.write(payload(step, float(step)))
    run = ModelRun()
    sink._given = run
    sink.attach()
    run.finish()
    assert len(payload_places(run.rows)) == LARGEST_WAIT
    sink.close()


def test_finished_early(begin):
    """After the run's end, payloads are counted as missed; the trainer's own mistake stays W&B's to tell."""
    run = begin()
    sink = attached()
    sink.write(payload(1, 1.0))
    run.finish()
    sink.write(payload(2, 2.0))
    with pytest.raises(wandb.Error, match="finished"):
        run.log({"loss": 1000.0})
    assert sink.payloads_missed == 1


def outcome_of(log):
    """The type of what the second call of `log` raises: old versions notice the end at their second write."""
    for _ in range(2):
        try:
            outcome = type(log({"loss": 1000.0}))
        except Exception as error:  # noqa: BLE001, PERF203
            outcome = type(error)
    return outcome


def test_torn_down_early(begin, lenient):
    """A bare `wandb.teardown()` ends the run behind its own back: we fail quietly, the trainer as without us."""
    run = begin()
    sink = attached()
    sink.write(payload(1, 1.0))
    wandb.teardown()
    sink.write(payload(2, 2.0))
    watched = outcome_of(run.log)
    (rider,) = sink._riders
    sink.close()
    alone = begin()
    wandb.teardown()
    assert watched is outcome_of(alone.log)
    rider._end()  # as at the process's exit, which would tell it once more
    assert sink.payloads_missed == 2


# Calls that fail


def test_refused_call(begin):
    """A call that W&B refuses raises what it raises without us, and leaves the counter where it is without us."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    sink.write(payload(1, 1.0))
    sink.write(payload(2, 2.0))
    for data, step in (({"loss": object()}, 10), ({"loss": 1.0}, "5"), ({1: 1.0}, 10), ([], 10)):
        with pytest.raises((TypeError, ValueError)):
            run.log(data, step=step)
    run.log({"loss": 1000.0}, step=1)
    run.finish()
    wandb.teardown()
    assert trainer_values(Written(folder).rows) == {("loss", 1000.0): 1}
    assert [number for number, _ in payload_places(Written(folder).rows)] == [1.0, 2.0]


def test_our_failure_is_not_the_trainers(begin, lenient, monkeypatch):
    """Whatever fails on our side, the trainer's call is made once, with its own arguments."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    for step, name in enumerate(("_fate", "_ride", "_send_oldest", "_fits_into"), 1):
        with monkeypatch.context() as patch:
            patch.setattr(_rider.Rider, name, lambda *_args, **_kwargs: 1 / 0)
            sink.write(payload(1, 1.0))
            run.log({"loss": 1000.0}, step=None if name == "_fits_into" else step)
    assert lenient.total() >= 4
    run.finish()
    wandb.teardown()
    assert [row.get("loss") for row in Written(folder).rows][:3] == [1000.0] * 3


def test_a_run_that_cannot_tell_its_step(lenient):
    """The counter is then followed in a mirror; the run is not asked again."""
    run = type("SilentRun", (ModelRun,), {"step": property(lambda _run: 1 / 0)})()
    sink = attached(run)
    play(PATTERNS["explicit, every 4th step"], run.log, sink.write)
    run.finish()
    assert [place for _, place in payload_places(run.rows)] == list(range(1, 13))
    assert lenient.total() == 1


class SilentService:
    """W&B's own process, stopped: it gives no answer, however long one waits."""

    def __init__(self):
        self.waited = []

    def deliver_history_step(self):
        return self

    def wait_or(self, timeout):
        self.waited.append(timeout)
        raise TimeoutError


def test_a_service_that_does_not_answer_is_waited_for_once_and_shortly(lenient):
    """W&B's own `run.step` waits half a minute; the trainer's `log` waits for no answer at all."""
    run = ModelRun()
    sink = attached(run)
    run._interface = SilentService()
    play(PATTERNS["explicit, every 4th step"], run.log, sink.write)
    run.finish()
    assert run._interface.waited == [_seams.LONGEST_WAIT]
    assert _seams.LONGEST_WAIT <= 1
    assert [place for _, place in payload_places(run.rows)] == list(range(1, 13))


class CountingRun(ModelRun):
    """A run of W&B 0.22 and before: `step` is a count of its own, and drifts when a closing row is dropped."""

    _step = 0

    @property
    def step(self):
        return self._step

    def _log(self, data, step=None, commit=None):
        super()._log(data, step, commit)
        self._step = max(self._step, step or 0) + bool(commit or (step is None and commit is None))


def test_a_step_that_drifts():
    """Where `run.step` drifts, our own count of the calls is the better one."""
    program = [
        Log(step=15),
        Log(),
        Pay(13),
        Pay(1),
        Log(step=1, commit=True),
        Pay(2),
        Log(broken=True),
        Log(step=2, commit=True),
        Pay(3),
    ]
    run = CountingRun()
    sink = attached(run)
    play(program, run.log, sink.write)
    assert run.step > run.counter
    run.finish()
    assert payload_places(run.rows) == [(2.0, 16), (3.0, 17), (5.0, 18), (8.0, 19)]
    assert sink.trainer_rows_dropped == 2


class PublicRun:
    """A run of a future W&B, in which nothing private is as we know it."""

    def __init__(self):
        self.inner = ModelRun()
        self.summary = self.inner.summary

    step = property(lambda self: self.inner.step)
    starting_step = 0

    def log(self, data, step=None, commit=None):
        return self.inner.log(data, step, commit)

    def define_metric(self, name, **options):
        return self.inner.define_metric(name, **options)

    def finish(self, exit_code=None):
        self.inner.finish()
        return exit_code


def test_public_names_are_enough():
    """Without `_log`, `_define_metric` and the list of hooks, the public methods are observed."""
    run = PublicRun()
    sink = attached(run)
    play(PATTERNS["explicit, every 4th step"], run.log, sink.write)
    assert run.finish(exit_code=3) == 3
    assert [place for _, place in payload_places(run.inner.rows)] == list(range(1, 13))
    assert vars(run).keys() == {"inner", "summary"}
