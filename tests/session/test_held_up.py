"""Who waits for whom: what blocks in code of the user's keeps no thread of the training from going on."""

import threading
from contextlib import nullcontext

import pytest

from llm_telemetry import instrument
from llm_telemetry.collectors import keys
from llm_telemetry.events import Call, Rollout, Usage
from llm_telemetry.session.inbox import BATCH
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.session import Session
from llm_telemetry.session.sessions import active
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.settings.config import Config
from tests.support.children import PATIENCE
from tests.support.mocking import chat
from tests.support.trainers import Memory, sync_client
from tests.support.watching import CHAT

ROLLOUTS = BATCH + 1
"""Of a thread: more events than may wait, so that it books them itself where it can."""


class Blocking(Memory):
    """All that a user may give us: one of its functions waits, when it is called first, until it is let go."""

    def __init__(self, where):
        super().__init__()
        self.where = where
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.heard, self.splits = 0, []

    def _pass(self, here):
        if here == self.where and not self.entered.is_set():
            self.entered.set()
            assert self.let_go.wait(PATIENCE)

    def add(self, event):
        self._pass("add")
        self.heard += 1

    def collect(self, split):
        self._pass("collect")
        self.splits.append(split)
        heard, self.heard = self.heard, 0
        return {"own/heard": heard}

    def write(self, payload):
        self._pass("write")
        super().write(payload)

    def alert(self, alert):
        self._pass("alert")

    def stop_when(self, payload):
        self._pass("stop_when")
        return False

    def threshold(self, reward):
        self._pass("threshold")
        return reward > 0.5


def watched(tmp_path, user):
    given = {"collectors": [user], "sinks": [user], "stop_when": user.stop_when, "threshold": user.threshold}
    return instrument(folder=tmp_path, run=False, console=0, alarm={"budget": 1e-9}, **given)


def roll_out(telemetry, times=1):
    """Make rollouts of one call each."""
    with sync_client() as client:
        for _ in range(times):
            with telemetry.rollout(source="sums") as rollout:
                client.chat.completions.create(**CHAT)
                rollout.rewarded(1.0)


def step(telemetry, number):
    with telemetry.step(number):
        roll_out(telemetry)


def reward(telemetry):
    with telemetry.reward(source="sums", problem="2 + 2?") as block:
        block.result = 1.0


def validate(telemetry):
    with telemetry.validation():
        roll_out(telemetry)


def begin(work, *arguments):
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def ended(*threads):
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


@pytest.fixture
def _answers(api):
    api.post("/chat/completions").mock(side_effect=lambda _: chat())


@pytest.mark.usefixtures("_answers")
@pytest.mark.parametrize("where", ["add", "collect", "write", "alert", "stop_when", "threshold"])
def test_who_makes_calls_and_rollouts_waits_for_nothing_of_the_user_s(tmp_path, where):
    user = Blocking(where)
    with watched(tmp_path, user) as telemetry:
        blocked = begin(step, telemetry, 1)
        assert user.entered.wait(PATIENCE)
        assert ended(*(begin(roll_out, telemetry, ROLLOUTS) for _ in range(2)))
        assert blocked.is_alive()
        user.let_go.set()
        assert ended(blocked)
        step(telemetry, 2)
    rollouts = [payload.values.get("dataset/count", 0) for payload in user.payloads]
    assert (rollouts[0], sum(rollouts)) == (1, 2 * ROLLOUTS + 2)
    assert user.payloads[-1].values["cost/executor_calls"] == 2 * ROLLOUTS + 2
    assert sum(payload.values["own/heard"] for payload in user.payloads) == 2 * sum(rollouts)


@pytest.mark.usefixtures("_answers")
@pytest.mark.parametrize("where", ["add", "collect", "write", "alert", "stop_when", "threshold"])
def test_what_is_counted_may_be_read_meanwhile(tmp_path, where):
    user, read = Blocking(where), []
    with watched(tmp_path, user) as telemetry:
        blocked = begin(step, telemetry, 1)
        assert user.entered.wait(PATIENCE)
        roll_out(telemetry)
        assert ended(begin(lambda: read.append(telemetry.cost.get_wandb_logs("train"))))
        user.let_go.set()
        assert ended(blocked)
    assert read[0]["cost/executor_calls"] == 2


@pytest.mark.usefixtures("_answers")
@pytest.mark.parametrize("where", ["write", "alert", "stop_when", "threshold"])
def test_another_split_is_flushed_while_one_waits_for_the_user_unless_it_is_for_a_collector(tmp_path, where):
    user = Blocking(where)
    with watched(tmp_path, user) as telemetry:
        blocked = begin(step, telemetry, 1)
        assert user.entered.wait(PATIENCE)
        assert ended(begin(validate, telemetry))
        assert active[-1].latest["val"].values[keys.COUNT.of("val")] == 1
        user.let_go.set()
        assert ended(blocked)
    assert {payload.split for payload in user.payloads} == {"train", "val"}


@pytest.mark.usefixtures("_answers")
@pytest.mark.parametrize("where", ["add", "collect"])
def test_no_flush_overtakes_one_that_waits_for_a_collector_of_the_user_s(tmp_path, where):
    user = Blocking(where)
    with watched(tmp_path, user) as telemetry:
        threads = [begin(step, telemetry, 1)]
        assert user.entered.wait(PATIENCE)
        threads += [begin(validate, telemetry), begin(telemetry.flush)]
        roll_out(telemetry)
        user.let_go.set()
        assert ended(*threads)
    told = [(payload.split, payload.values["own/heard"]) for payload in user.payloads]
    assert told[0] == ("train", 2)
    assert sum(heard for _, heard in told) == 2 * 3
    assert [payload.split for payload in user.payloads] == user.splits


@pytest.mark.usefixtures("_answers")
def test_rollouts_wait_for_no_collector_that_hears_what_other_processes_have_seen(tmp_path):
    user = Blocking("add")
    with watched(tmp_path, user) as telemetry:
        child = SpoolWriter(active[-1].children.folder)
        for _ in range(BATCH):
            child.record(Call("executor", "train", "sums", "m", "m", Usage(1, 1), None, 0, 0.1))
        blocked = begin(reward, telemetry)  # of nobody's: whether another process has executed it is looked up
        assert user.entered.wait(PATIENCE)
        assert ended(begin(roll_out, telemetry))
        user.let_go.set()
        assert ended(blocked)
    assert user.payloads[-1].values["cost/executor_calls"] == BATCH + 1


def test_what_is_counted_is_told_also_where_a_collector_of_the_user_s_is_interrupted():
    class Interrupted:
        def __init__(self):
            self.heard = 0

        def add(self, event):
            self.heard += 1

        def collect(self, split):
            if self.heard == 1:
                raise KeyboardInterrupt
            return {"own/heard": self.heard}

    memory = Memory()
    session = Session(Config(collectors=(Interrupted(),)), [memory])
    for step_number in (1, 2):
        session.record(Rollout("train", "sums", 1.0, failed=False))
        with pytest.raises(KeyboardInterrupt) if step_number == 1 else nullcontext():
            session.flush(Phase("train", step_number))
    told = [
        (payload.step, payload.values["dataset/count"], payload.values.get("own/heard")) for payload in memory.payloads
    ]
    assert told == [(1, 1, None), (2, 1, 2)]
