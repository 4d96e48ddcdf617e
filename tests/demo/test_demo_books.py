"""Every number is true: the sums of all payloads, held against the books of the server that served the calls."""

import asyncio
import json
from collections import Counter

import pytest

from llm_telemetry import instrument
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import CALM, USUAL, WORST, demo_server
from llm_telemetry.demo.reward import _VERDICT
from llm_telemetry.demo.trainer import GRPOTrainer, accuracy

SPLITS = ("train", "val")
# The timeout is far longer than 64 rollouts take to be judged, one after the other, while the loop is blocked: a call
# that is cancelled before it was sent is a call, but the server cannot know of it.
STEPS = 3
CROWDED = {"concurrency": 64, "batch_size": 16, "oom_at_step": 2, "workflow_timeout": 12.0}
DATASET, JUDGE = {"train": "dataset", "val": "val"}, {"train": "judge", "val": "val/judge"}
AT = {"train": "", "val": "val/"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((USUAL, {"concurrency": 8, "workflow_timeout": 8.0}), id="the-demo"),
        pytest.param((WORST, CROWDED), id="64-fold-all-faults"),
        pytest.param((CALM, {"concurrency": 16, "workflow_timeout": 60.0}), id="no-faults"),
    ],
)
def trained(request, tmp_path_factory):
    """A finished run: the server's books, the trainer, and the lines of the JSONL."""
    day, settings = request.param
    with demo_server(3, day) as server:
        config = DemoConfig(base_url=server.base_url, steps=STEPS, val_every=2, seed=3, **settings)
        trainer = GRPOTrainer(config)
        folder = tmp_path_factory.mktemp("telemetry")
        with instrument(trainer, folder=folder, console=0, run=False) as telemetry:
            rows = asyncio.run(trainer.train())
        trainer.close()
        lines = [json.loads(line) for line in telemetry.path.read_text().splitlines()]
    return server.books, trainer, lines, rows


def payloads(lines, split=None):
    return [line["payload"] for line in lines if split in (None, line["split"])]


def total(lines, key, split=None):
    return sum(payload.get(key, 0) for payload in payloads(lines, split))


@pytest.mark.parametrize("role", ["executor", "judge"])
@pytest.mark.parametrize("split", SPLITS)
def test_tokens_are_those_that_the_server_has_told(trained, role, split):
    books, _, lines, _ = trained
    told = books.tokens(role=role, split=split)
    counted = [total(lines, f"{AT[split]}tokens/{role}/{kind}", split) for kind in told._fields]
    assert counted == list(told)


@pytest.mark.parametrize("role", ["executor", "judge"])
@pytest.mark.parametrize("split", SPLITS)
def test_calls_retries_and_errors_are_those_that_the_server_has_seen(trained, role, split):
    books, _, lines, _ = trained
    at = {"role": role, "split": split}
    assert total(lines, f"{AT[split]}llm/{role}/calls", split) == books.calls(**at)
    assert total(lines, f"{AT[split]}llm/{role}/retries", split) == books.retries(**at)
    assert total(lines, f"{AT[split]}llm/{role}/no_usage", split) == books.no_usage(**at)
    prefix = f"{AT[split]}llm/{role}/errors/"
    errors = {key.removeprefix(prefix) for payload in payloads(lines) for key in payload if key.startswith(prefix)}
    counted = {kind: total(lines, prefix + kind, split) for kind in errors}
    assert {kind: n for kind, n in counted.items() if n} == dict(books.errors(**at))
    assert total(lines, f"{AT[split]}llm/{role}/errors", split) == books.errors(**at).total()


@pytest.mark.parametrize("split", SPLITS)
def test_evaluations_have_the_outcomes_that_the_verdict_texts_tell(trained, split):
    books, _, lines, _ = trained
    outcomes = books.outcomes(kind="judge", split=split)
    prefix = JUDGE[split]
    assert total(lines, f"{prefix}/calls", split) == outcomes.total()
    for kind in ("parse_failure", "api_failure"):
        shares = [p.get(f"{prefix}/{kind}_rate", 0) * p.get(f"{prefix}/calls", 0) for p in payloads(lines, split)]
        assert sum(shares) == pytest.approx(outcomes[kind])
    right = [e.last for e in books.evaluations(kind="judge", split=split) if e.outcome == "correct"]
    foreign = sum(_VERDICT.search(entry.content) is None for entry in right)
    # a verdict that the trainer cannot read is wrong for it, and that is what it used: correct becomes incorrect
    assert total(lines, f"{prefix}/correct_count", split) == outcomes["correct"] - foreign
    assert total(lines, f"{prefix}/incorrect_count", split) == outcomes["incorrect"] + foreign
    assert total(lines, f"{prefix}/disagreements", split) == foreign


@pytest.mark.parametrize("split", SPLITS)
def test_failed_evaluations_have_the_causes_and_attempts_that_the_server_has_seen(trained, split):
    books, _, lines, _ = trained
    evaluations = books.evaluations(kind="judge", split=split)
    prefix = f"{JUDGE[split]}/failures/"
    kinds = {key.removeprefix(prefix) for payload in payloads(lines) for key in payload if key.startswith(prefix)}
    counted = {kind: total(lines, prefix + kind, split) for kind in kinds}
    assert counted == Counter(evaluation.failure for evaluation in evaluations if evaluation.failure)
    at = f"{JUDGE[split]}/attempts_avg", f"{JUDGE[split]}/calls"
    asked = sum(payload.get(at[0], 0) * payload.get(at[1], 0) for payload in payloads(lines, split))
    assert asked == pytest.approx(sum(evaluation.calls for evaluation in evaluations))


@pytest.mark.parametrize("split", SPLITS)
def test_evaluations_belong_to_the_source_of_their_item(trained, split):
    books, _, lines, _ = trained
    expected = Counter(e.last.marks["source"] for e in books.evaluations(kind="judge", split=split))
    assert {s: total(lines, f"{JUDGE[split]}/{s}/calls", split) for s in expected} == expected


@pytest.mark.parametrize("split", SPLITS)
def test_rollouts_are_those_of_the_trainer(trained, split):
    _, trainer, lines, _ = trained
    history = [rollout for rollout in trainer.history if rollout.split == split]
    prefix = DATASET[split]
    sources = {rollout.source for rollout in history}
    assert len(sources) == 6
    for source in sources:
        own = [rollout for rollout in history if rollout.source == source]
        at = f"{prefix}/{source}"
        correct = sum(p.get(f"{at}/accuracy", 0) * p.get(f"{at}/count", 0) / 100 for p in payloads(lines, split))
        assert total(lines, f"{at}/count", split) == len(own)
        assert total(lines, f"{at}/failed", split) == sum(rollout.failed for rollout in own)
        assert correct == pytest.approx(sum(rollout.correct for rollout in own))
    assert total(lines, f"{prefix}/count", split) == len(history)


@pytest.mark.parametrize("split", SPLITS)
def test_the_accuracy_of_a_step_is_the_trainer_s_own(trained, split):
    _, trainer, lines, rows = trained
    key = {"train": "train/accuracy", "val": "val_accuracy"}[split]
    counted = {line["step"]: line["payload"][f"{DATASET[split]}/accuracy"] for line in lines if line["split"] == split}
    own = {step: row[key] for step, row in enumerate(rows, 1) if key in row}
    repeated = trainer.config.oom_at_step  # counts the rollouts of both attempts; the trainer only the second
    if split == "train" and repeated:
        both = [r for r in trainer.history if r.step == repeated and r.split == "train"]
        own[repeated] = accuracy(both)
    assert counted == pytest.approx(own)


def test_a_step_that_was_tried_twice_is_one_payload(trained):
    _, trainer, lines, _ = trained
    assert [line["step"] for line in lines if line["split"] == "train"] == list(range(1, STEPS + 1))
    assert lines[-1]["payload"]["cost/total_samples"] == len(trainer.history)


def test_the_costs_are_true_to_the_cent_and_beyond(trained):
    books, trainer, lines, _ = trained
    last = lines[-1]["payload"]
    assert last["cost/executor_cost"] == pytest.approx(float(books.usd(role="executor")), rel=1e-12)
    assert last["cost/judge_cost"] == pytest.approx(float(books.usd(role="judge")), rel=1e-12)
    assert last["cost/total_cost"] == pytest.approx(float(books.usd()), rel=1e-12)
    assert sum(total(lines, f"{at}cost/step_cost") for at in AT.values()) == pytest.approx(
        float(books.usd()), rel=1e-12
    )
    assert last["cost/avg_cost_per_sample"] == pytest.approx(float(books.usd()) / len(trainer.history), rel=1e-12)
    for split in SPLITS:
        for source in {rollout.source for rollout in trainer.history}:
            at = f"{DATASET[split]}/{source}"
            spent = sum(p.get(f"{at}/avg_cost", 0) * p.get(f"{at}/count", 0) for p in payloads(lines, split))
            assert spent == pytest.approx(float(books.usd(split=split, source=source)), rel=1e-9)


def test_run_keys_are_the_sums_of_the_steps(trained):
    books, _, lines, _ = trained
    last = lines[-1]["payload"]
    assert last["tokens/total"] == sum(books.tokens()[:2])
    assert last["cost/executor_calls"] == books.calls(role="executor")
    assert last["cost/judge_calls"] == books.calls(role="judge")
    assert last["cost/unpriced_calls"] == 0
    assert last["telemetry/errors"] == 0
