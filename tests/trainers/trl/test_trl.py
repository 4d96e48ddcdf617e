"""TRL's trainers: every number of the payloads against what the reward functions and the judge's server know."""

import asyncio
import functools
import inspect
import itertools
import math
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
import torch
import wandb
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry import InstrumentError, instrument
from llm_telemetry.events import Rollout
from llm_telemetry.trainers.reward_step import as_written, combined
from tests.support import tiny_trl
from tests.support.wandb_offline import Written, tear_down
from tests.trainers.trl.conftest import verdict_on

pytestmark = pytest.mark.filterwarnings("default")  # theirs are their own

# --- reward functions that ask a judge, each in another way


CLIENTS = {}


@pytest.fixture(autouse=True)
def _clients(judge_server):
    CLIENTS.update({"sync": openai.OpenAI(), "async": openai.AsyncOpenAI()})
    yield
    CLIENTS["sync"].close()


def question(completion, truth, source):
    said = completion if isinstance(completion, str) else completion[-1]["content"]
    return [{"role": "user", "content": f"[{source}] {truth}: is {said!r} right, yes or no?"}]


def llm_judge(completion, truth, source):
    messages = question(completion, truth, source)
    reply = CLIENTS["sync"].chat.completions.create(model="gpt-4o-mini", messages=messages)
    return reply.choices[0].message.content == "yes"


async def llm_judge_async(completion, truth, source):
    messages = question(completion, truth, source)
    reply = await CLIENTS["async"].chat.completions.create(model="gpt-4o-mini", messages=messages)
    return reply.choices[0].message.content == "yes"


def one_by_one(completions, truth, source, **_):
    return [float(llm_judge(*item)) for item in zip(completions, truth, source, strict=True)]


async def together(completions, truth, source, **_):
    items = zip(completions, truth, source, strict=True)
    return [float(right) for right in await asyncio.gather(*(llm_judge_async(*item) for item in items))]


def in_a_pool(completions, truth, source, **_):
    with ThreadPoolExecutor(4) as pool:
        return [float(right) for right in pool.map(llm_judge, completions, truth, source)]


def by_itself(completions, truth, source, **_):
    """A reward function that is its own judge."""
    rewards = []
    for item in zip(completions, truth, source, strict=True):
        reply = CLIENTS["sync"].chat.completions.create(model="gpt-4o-mini", messages=question(*item))
        rewards.append(float(reply.choices[0].message.content == "yes"))
    return rewards


class Referee:
    __name__ = "referee"

    def __call__(self, completions, truth, source, **_):
        return [float(self.judge_one(*item)) for item in zip(completions, truth, source, strict=True)]

    def judge_one(self, completion, truth, source):
        return llm_judge(completion, truth, source)

    def score(self, completions, truth, source, **_):
        return self(completions, truth, source)


def of_strictness(completions, truth, source, strictness, **_):
    return one_by_one(completions, truth, source)


IS_ASYNC = "iscoroutinefunction" in inspect.getsource(tiny_trl.GRPOTrainer._calculate_rewards)
"""Whether the installed TRL takes asynchronous reward functions: since 0.27."""


def with_judge(judge):
    """A reward function that holds its judge in a closure."""

    def held(completions, truth, source, **_):
        return [float(judge(*item)) for item in zip(completions, truth, source, strict=True)]

    return held


def given_a_judge(completions, truth, source, *, judge, **_):
    return with_judge(judge)(completions, truth, source)


GIVEN = functools.partial(given_a_judge, judge=llm_judge)
GIVEN.__name__ = "given_a_judge"
ON_GRPO = {"closure": with_judge(llm_judge), "argument": GIVEN}
WAYS = {
    **ON_GRPO,
    "one_by_one": one_by_one,
    **({"together": together} if IS_ASYNC else {}),
    "in_a_pool": in_a_pool,
    "by_itself": by_itself,
    "object": Referee(),
    "method": Referee().score,
}


class Truth:
    """What really happened, noted by a reward function that gives no reward, beside the others."""

    __name__ = "truth"

    def __init__(self):
        self.rows = defaultdict(Counter)
        self.trainer = None

    def __call__(self, completions, truth, source, trainer_state, **_):
        training = self.trainer.model.training
        place = ("train", trainer_state.global_step + 1) if training else ("val", trainer_state.global_step)
        for item in zip(completions, truth, source, strict=True):
            self.rows[place][item[2], "count"] += 1
            self.rows[place][item[2], "right"] += verdict_on(question(*item)[0]["content"])
        return [None] * len(completions)


def told(payload):
    """The same of a payload: rollouts and right ones by source."""
    prefix = "dataset" if payload.split == "train" else "val"
    counts = {source: payload.values.get(f"{prefix}/{source}/count", 0) for source in tiny_trl.SOURCES}
    rows = Counter()
    for source, count in counts.items():
        if count:
            rows[source, "count"] = count
            rows[source, "right"] = round(payload.values[f"{prefix}/{source}/accuracy"] * count / 100)
    return rows


def judged(payload):
    """The evaluations of a payload, and those that said yes."""
    prefix = "judge" if payload.split == "train" else "val/judge"
    rows = Counter()
    for source in tiny_trl.SOURCES:
        calls = payload.values.get(f"{prefix}/{source}/calls", 0)
        if calls:
            rows[source, "count"] = calls
            rows[source, "right"] = round(payload.values[f"{prefix}/{source}/correct_ratio"] * calls)
    return rows


def train(kind, functions, folder, memory, **settings):
    truth = Truth()
    trainer = tiny_trl.trainer(kind, [*functions, truth], folder, **settings)
    truth.trainer = trainer
    with instrument(trainer, folder=folder, sinks=[memory], console=0):
        trainer.train()
    assert trainer.reward_funcs == [*functions, truth]
    return trainer, truth


@pytest.mark.parametrize(
    ("kind", "way", "chat"),
    [
        *itertools.product(["grpo"], ON_GRPO, [False]),
        *itertools.product(tiny_trl.KINDS, [way for way in WAYS if way not in ON_GRPO], [False]),
        *itertools.product(["grpo"], [way for way in ("one_by_one", "together", "by_itself") if way in WAYS], [True]),
    ],
)
def test_every_number_is_exact(tmp_path, memory, judge_server, kind, way, chat):
    settings = {"eval_strategy": "steps", "eval_steps": 1, "gradient_accumulation_steps": 2, "chat": chat}
    _, truth = train(kind, [WAYS[way]], tmp_path, memory, **settings)
    seen = {(payload.split, payload.step): payload for payload in memory.payloads}
    assert list(seen) == [("train", 1), ("val", 1), ("train", 2), ("val", 2)]
    assert {place: told(payload) for place, payload in seen.items()} == truth.rows
    assert {place: judged(payload) for place, payload in seen.items()} == truth.rows
    last = memory.payloads[-1].values
    asked = sum(n for row in truth.rows.values() for (_, what), n in row.items() if what == "count")
    assert last["cost/judge_calls"] == judge_server.books.calls() == asked
    assert last["tokens/total"] == judge_server.books.tokens().prompt + judge_server.books.tokens().completion
    assert (last["telemetry/errors"], last["cost/executor_calls"]) == (0, 0)


def told_steps(memory):
    return [(payload.split, payload.step) for payload in memory.payloads]


def even(completions, **_):
    return [1.0, 0.0] * (len(completions) // 2)


def picky(completions, **_):
    """A reward function that has nothing to say of every fourth completion, and of the one before in pairs."""
    return [None if i % 4 == 3 else 0.5 for i in range(len(completions))]


def test_the_reward_is_the_weighted_sum_of_what_was_given(tmp_path, memory):
    train("grpo", [even, picky], tmp_path, memory, reward_weights=[1.0, 2.0, 1.0])
    for payload in memory.payloads:
        # by completion: 1 + 2 * 0.5, 0 + 2 * 0.5, 1 + 2 * 0.5, and 0 where picky gave none
        told = payload.values
        assert (told["dataset/avg_reward"], told["dataset/accuracy"]) == (1.25, 75)
        assert (told["reward/even/mean"], told["reward/picky/mean"], told["reward/truth/none_share"]) == (0.5, 0.5, 1)
        assert (told["reward/even/none_share"], told["reward/picky/none_share"]) == (0, 0.25)
        assert "reward/truth/mean" not in told
        by_source = [
            told[f"reward/even/{source}/mean"] for source in tiny_trl.SOURCES if f"reward/even/{source}/mean" in told
        ]
        assert sum(by_source) / len(by_source) == 0.5


def test_a_rollout_of_which_no_function_gives_a_reward_has_none():
    assert combined([None, None], [1, 1]) is None
    assert combined([None, 0.5, 1.0], [1, 2, 0.5]) == 1.5


@given(st.floats(-1000, 1000).map(lambda number: round(number, 3)))
def test_single_precision_changes_no_reward(number):
    """0.9 is a little less in single precision, and would be below a threshold of 0.9."""
    assert as_written(torch.tensor(number, dtype=torch.float32).item()) == number
    assert as_written(math.nan) is None


def test_a_reward_at_the_threshold_is_right(tmp_path, memory):
    def fair(completions, **_):
        return [0.9] * len(completions)

    train("grpo", [fair], tmp_path, memory)
    assert [payload.values["dataset/accuracy"] for payload in memory.payloads] == [100, 100]
    assert [payload.values["dataset/avg_reward"] for payload in memory.payloads] == [0.9, 0.9]


def test_sources_may_be_in_a_column_of_another_name(tmp_path, memory, caplog):
    trainer = tiny_trl.trainer("grpo", [even], tmp_path)
    with instrument(trainer, source="truth", folder=tmp_path, sinks=[memory], console=0):
        trainer.train()
    sources = {
        key.split("/")[1] for p in memory.payloads for key in p.values if re.fullmatch(r"dataset/\d+/count", key)
    }
    assert len(sources) == 4
    assert "LLM call" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "steps", "rollouts"),
    [
        ({"max_steps": 4, "logging_steps": 2}, [2, 4], [8, 8]),
        ({"max_steps": 4, "steps_per_generation": 2, "gradient_accumulation_steps": 1}, [1, 2, 3, 4], [8, 0, 8, 0]),
        ({"max_steps": 4, "num_iterations": 2}, [1, 2, 3, 4], [4, 0, 4, 0]),
        ({"max_steps": 2, "gradient_accumulation_steps": 3, "items": 12}, [1, 2], [12, 12]),
    ],
    ids=["logging_steps", "steps_per_generation", "num_iterations", "gradient_accumulation"],
)
def test_there_is_one_payload_for_each_row_that_is_logged_at_its_step(tmp_path, memory, settings, steps, rollouts):
    trainer, _ = train("grpo", [even], tmp_path, memory, **settings)
    assert told_steps(memory) == [("train", step) for step in steps]
    assert [row["step"] for row in trainer.state.log_history if "loss" in row] == steps
    assert [payload.values.get("dataset/count", 0) for payload in memory.payloads] == rollouts


def test_how_many_steps_there_will_be_is_known_and_a_stop_that_is_asked_for_is_trl_s_own(tmp_path, memory):
    asked = {"sinks": [memory], "console": 0, "stop_when": lambda payload: payload.step == 2}
    trainer = tiny_trl.trainer("grpo", [even], tmp_path, max_steps=6, items=24)
    with instrument(trainer, folder=tmp_path, **asked):
        trainer.train()
    assert trainer.state.global_step == 2
    assert [row["step"] for row in trainer.state.log_history if "loss" in row] == [1, 2]
    assert [payload.steps for payload in memory.payloads] == [6, 6]


def test_an_evaluation_alone_is_a_validation_of_step_0(tmp_path, memory):
    trainer = tiny_trl.trainer("grpo", [even], tmp_path)
    with instrument(trainer, folder=tmp_path, sinks=[memory], console=0):
        trainer.evaluate()
    assert told_steps(memory) == [("val", 0)]
    assert memory.last["val/count"] == 8


def test_training_that_goes_on_from_a_checkpoint_goes_on_counting_steps(tmp_path, memory):
    train("grpo", [even], tmp_path, memory, save_strategy="steps", save_steps=1, max_steps=1)
    truth = Truth()
    trainer = truth.trainer = tiny_trl.trainer("grpo", [even, truth], tmp_path, max_steps=3, items=16)
    with instrument(trainer, folder=tmp_path, sinks=[memory], console=0):
        trainer.train(resume_from_checkpoint=True)
    assert told_steps(memory) == [("train", 1), ("train", 2), ("train", 3)]


def test_a_subclass_and_a_partial_are_known_as_what_they_are(tmp_path, memory):
    class Mine(tiny_trl.GRPOTrainer):
        def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
            return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list) / 2

    strict = functools.partial(of_strictness, strictness=2)
    strict.__name__ = "strict"
    train("grpo", [strict], tmp_path, memory, cls=Mine)
    assert {payload.values["dataset/avg_reward"] <= 0.5 for payload in memory.payloads} == {True}
    assert [payload.values["judge/calls"] for payload in memory.payloads] == [4, 4]


def test_a_judge_may_be_named(tmp_path, memory):
    trainer = tiny_trl.trainer("grpo", [one_by_one], tmp_path)
    with instrument(trainer, judge={"strict": llm_judge}, folder=tmp_path, sinks=[memory], console=0):
        trainer.train()
    assert [payload.values["judge/calls"] for payload in memory.payloads] == [4, 4]


def test_one_call_for_a_batch_is_an_evaluation_of_each_item_and_in_no_dataset_s_cost(tmp_path, memory, judge_server):
    def llm_judge_all(completions, truths):
        pairs = zip(completions, truths, strict=True)
        listed = "\n".join(f"{said!r}, and it should be {true}" for said, true in pairs)
        messages = [{"role": "user", "content": f"Which are right?\n{listed}"}]
        CLIENTS["sync"].chat.completions.create(model="gpt-4o-mini", messages=messages)
        return [True] * len(completions)

    def all_at_once(completions, truth, **_):
        return [float(right) for right in llm_judge_all(completions, truth)]

    train("grpo", [all_at_once], tmp_path, memory, max_steps=1)
    told = memory.last
    assert (told["dataset/count"], told["judge/calls"], told["llm/judge/calls"]) == (4, 4, 1)
    assert judge_server.books.calls() == 1
    assert told["llm/judge/unplaced_share"] == 1
    assert (told["cost/judge_cost"] > 0, "dataset/sums/avg_cost" in told) == (True, False)


def test_a_call_belongs_to_the_item_whose_texts_are_in_it_and_the_rest_to_totals(tmp_path, memory):
    asked = Counter()

    def every_other(prompts, completions, source, **_):
        for i, (prompt, said, name) in enumerate(zip(prompts, completions, source, strict=True)):
            content = f"Asked {prompt}, said {said}: right?" if i % 2 and said else "Are you there?"
            asked[name] += 1 if i % 2 and said else 0
            asked["calls"] += 1
            messages = [{"role": "user", "content": content}]
            CLIENTS["sync"].chat.completions.create(model="gpt-4o-mini", messages=messages)
        return [1.0] * len(completions)

    train("grpo", [every_other], tmp_path, memory, max_steps=1)
    told = memory.last
    placed = asked["sums"] + asked["capitals"]
    assert placed == 2
    assert told["llm/judge/unplaced_share"] == 1 - placed / asked["calls"]
    costs = [told[f"dataset/{name}/avg_cost"] * told[f"dataset/{name}/count"] for name in tiny_trl.SOURCES]
    assert all(cost > 0 for cost in costs)
    assert sum(costs) < told["cost/judge_cost"]


def test_the_tokens_of_completions_are_counted_as_trl_tells_them_and_apart(tmp_path, memory):
    lengths = []

    def long(completions, completion_ids, **_):
        lengths.append(sum(map(len, completion_ids)))
        return [0.0] * len(completions)

    train("grpo", [long], tmp_path, memory, eval_strategy="steps", eval_steps=2)
    told = [p.values.get("tokens/generated", 0) + p.values.get("val/tokens/generated", 0) for p in memory.payloads]
    assert told == [lengths[0], lengths[1], sum(lengths[2:])]
    assert not any("tokens/total" in p.values or "tokens/policy/completion" in p.values for p in memory.payloads)


@pytest.mark.parametrize(("correct", "accuracy"), [(None, 50), ("even", 50), ("picky", 0), ("sure", 100)])
def test_a_named_reward_function_says_what_is_correct(tmp_path, memory, correct, accuracy):
    def sure(completions, **_):
        return [1.0] * len(completions)

    trainer = tiny_trl.trainer("grpo", [even, picky, sure], tmp_path, max_steps=1, reward_weights=[1.0, 0.0, 0.0])
    with instrument(trainer, correct=correct, folder=tmp_path, sinks=[memory], console=0):
        trainer.train()
    assert memory.last["dataset/accuracy"] == accuracy
    assert memory.last["dataset/unscored"] == (1 if correct == "picky" else 0)
    assert memory.last["dataset/avg_reward"] == 0.5


def test_a_name_that_is_not_there_is_refused(tmp_path):
    trainer = tiny_trl.trainer("grpo", [even, picky], tmp_path)
    with pytest.raises(InstrumentError, match="correct='evn': there is no such reward function; there is even, picky"):
        instrument(trainer, correct="evn")
    with pytest.raises(InstrumentError, match="source='sorce': there is no such column; there are prompt, source"):
        instrument(trainer, source="sorce")
    instrument(trainer, source="=mine", correct="even", folder=tmp_path, console=0).uninstrument()


def test_groups_are_the_generations_of_a_prompt(tmp_path, memory):
    class Groups:
        def __init__(self):
            self.sources = defaultdict(list)

        def add(self, event):
            if isinstance(event, Rollout):
                self.sources[event.group].append(event.source)

        def collect(self, split):
            return {}

    groups = Groups()
    trainer = tiny_trl.trainer("grpo", [even], tmp_path)
    with instrument(trainer, folder=tmp_path, collectors=[groups], console=0):
        trainer.train()
    assert len(groups.sources) == 4
    assert all(len(sources) == 2 and len(set(sources)) == 1 for sources in groups.sources.values())


def test_a_reward_function_that_raises_stops_training_as_it_would(tmp_path, memory):
    def broken(completions, **_):
        raise LookupError("no such reward")

    trainer = tiny_trl.trainer("grpo", [broken], tmp_path)
    with (
        instrument(trainer, folder=tmp_path, sinks=[memory], console=0),
        pytest.raises(LookupError, match="no such reward"),
    ):
        trainer.train()
    assert trainer.reward_funcs == [broken]


def test_what_the_adapter_knows_cannot_be_named(tmp_path):
    trainer = tiny_trl.trainer("grpo", [even], tmp_path)
    with pytest.raises(InstrumentError, match="step=: the parts of GRPOTrainer are known"):
        instrument(trainer, step="training_step")


# --- TRL's own rows


def losses(trainer):
    keys = ("loss", "grad_norm", "reward", "reward_std", "eval_loss", "eval_reward", "entropy")
    return [{key: row[key] for key in keys if key in row} for row in trainer.state.log_history]


def test_training_is_the_same_with_and_without_telemetry(tmp_path, memory):
    settings = {"eval_strategy": "steps", "eval_steps": 1}
    plain = tiny_trl.trainer("grpo", [even, picky], tmp_path, **settings)
    plain.train()
    watched = tiny_trl.trainer("grpo", [even, picky], tmp_path, **settings)
    with instrument(watched, folder=tmp_path, sinks=[memory], console=0):
        watched.train()
    assert losses(watched) == losses(plain)
    assert [sorted(row) for row in watched.state.log_history] == [sorted(row) for row in plain.state.log_history]


def run_wandb(folder, *, watch):
    """Train with W&B offline; return the rows of the run."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_DIR", str(folder))
        patch.setenv("WANDB_SILENT", "true")
        settings = {"eval_strategy": "steps", "eval_steps": 1, "report_to": "wandb"}
        trainer = tiny_trl.trainer("grpo", [even], folder, **settings)
        telemetry = instrument(trainer, console=0) if watch else None
        trainer.train()
        if telemetry is not None:
            telemetry.uninstrument()
        wandb.finish()
        tear_down()
    return Written(next((folder / "wandb").glob("offline-run-*"))).rows


def test_payloads_ride_in_the_rows_that_trl_logs_for_their_step(tmp_path):
    plain = run_wandb(tmp_path / "plain", watch=False)
    watched = run_wandb(tmp_path / "watched", watch=True)
    ours = (
        "dataset/",
        "group/",
        "val/",
        "judge/",
        "reward/",
        "cost/",
        "tokens/",
        "llm/",
        "llm_telemetry/",
        "telemetry/",
    )
    theirs = [{key for key in row if not key.startswith(ours)} for row in watched]
    assert theirs == [set(row) for row in plain]
    paid = [row for row in watched if "llm_telemetry/step" in row]
    assert [(row["llm_telemetry/step"], row["train/global_step"]) for row in paid] == [(1, 1), (1, 1), (2, 2), (2, 2)]
    assert [("val/count" in row, "eval/loss" in row) for row in paid] == [(False, False), (True, True)] * 2
