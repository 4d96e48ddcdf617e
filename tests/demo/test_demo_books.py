"""Every number is true: the sums of all payloads, held against the books of the server that served the calls."""

from collections import Counter

import pytest

from llm_telemetry.demo.reward import _VERDICT
from llm_telemetry.demo.trainer import accuracy

SPLITS = ("train", "val")
DATASET, JUDGE = {"train": "dataset", "val": "val"}, {"train": "judge", "val": "val/judge"}
AT = {"train": "", "val": "val/"}


@pytest.fixture(params=["usual", "worst", "calm"])
def run(request, demo_run):
    """A finished run that was watched: on a usual day, on the worst one with 64 rollouts at once, without faults."""
    return demo_run(request.param)


@pytest.mark.parametrize("role", ["executor", "judge"])
@pytest.mark.parametrize("split", SPLITS)
def test_tokens_are_those_that_the_server_has_told(run, role, split):
    told = run.books.tokens(role=role, split=split)
    counted = [run.total(f"{AT[split]}tokens/{role}/{kind}", split) for kind in told._fields]
    assert counted == list(told)


@pytest.mark.parametrize("role", ["executor", "judge"])
@pytest.mark.parametrize("split", SPLITS)
def test_calls_retries_and_errors_are_those_that_the_server_has_seen(run, role, split):
    at = {"role": role, "split": split}
    assert run.total(f"{AT[split]}llm/{role}/calls", split) == run.books.calls(**at)
    assert run.total(f"{AT[split]}llm/{role}/retries", split) == run.books.retries(**at)
    assert run.total(f"{AT[split]}llm/{role}/no_usage", split) == run.books.no_usage(**at)
    prefix = f"{AT[split]}llm/{role}/errors/"
    errors = {key.removeprefix(prefix) for payload in run.payloads() for key in payload if key.startswith(prefix)}
    counted = {kind: run.total(prefix + kind, split) for kind in errors}
    assert {kind: n for kind, n in counted.items() if n} == dict(run.books.errors(**at))
    assert run.total(f"{AT[split]}llm/{role}/errors", split) == run.books.errors(**at).total()


@pytest.mark.parametrize("split", SPLITS)
def test_evaluations_have_the_outcomes_that_the_verdict_texts_tell(run, split):
    outcomes = run.books.outcomes(kind="judge", split=split)
    prefix = JUDGE[split]
    assert run.total(f"{prefix}/calls", split) == outcomes.total()
    for kind in ("parse_failure", "api_failure"):
        shares = [p.get(f"{prefix}/{kind}_rate", 0) * p.get(f"{prefix}/calls", 0) for p in run.payloads(split)]
        assert sum(shares) == pytest.approx(outcomes[kind])
    right = [e.last for e in run.books.evaluations(kind="judge", split=split) if e.outcome == "correct"]
    foreign = sum(_VERDICT.search(entry.content) is None for entry in right)
    # a verdict that the trainer cannot read is wrong for it, and that is what it used: correct becomes incorrect
    assert run.total(f"{prefix}/correct_count", split) == outcomes["correct"] - foreign
    assert run.total(f"{prefix}/incorrect_count", split) == outcomes["incorrect"] + foreign
    assert run.total(f"{prefix}/disagreements", split) == foreign


@pytest.mark.parametrize("split", SPLITS)
def test_failed_evaluations_have_the_causes_and_attempts_that_the_server_has_seen(run, split):
    evaluations = run.books.evaluations(kind="judge", split=split)
    prefix = f"{JUDGE[split]}/failures/"
    kinds = {key.removeprefix(prefix) for payload in run.payloads() for key in payload if key.startswith(prefix)}
    counted = {kind: run.total(prefix + kind, split) for kind in kinds}
    assert counted == Counter(evaluation.failure for evaluation in evaluations if evaluation.failure)
    at = f"{JUDGE[split]}/attempts_avg", f"{JUDGE[split]}/calls"
    asked = sum(payload.get(at[0], 0) * payload.get(at[1], 0) for payload in run.payloads(split))
    assert asked == pytest.approx(sum(evaluation.calls for evaluation in evaluations))


@pytest.mark.parametrize("split", SPLITS)
def test_evaluations_belong_to_the_source_of_their_item(run, split):
    expected = Counter(e.last.marks["source"] for e in run.books.evaluations(kind="judge", split=split))
    assert {s: run.total(f"{JUDGE[split]}/{s}/calls", split) for s in expected} == expected


@pytest.mark.parametrize("split", SPLITS)
def test_rollouts_are_those_of_the_trainer(run, split):
    history = [rollout for rollout in run.history if rollout.split == split]
    prefix = DATASET[split]
    sources = {rollout.source for rollout in history}
    assert len(sources) == 6
    for source in sources:
        own = [rollout for rollout in history if rollout.source == source]
        at = f"{prefix}/{source}"
        correct = sum(p.get(f"{at}/accuracy", 0) * p.get(f"{at}/count", 0) / 100 for p in run.payloads(split))
        assert run.total(f"{at}/count", split) == len(own)
        assert run.total(f"{at}/failed", split) == sum(rollout.failed for rollout in own)
        assert correct == pytest.approx(sum(rollout.correct for rollout in own))
    assert run.total(f"{prefix}/count", split) == len(history)


@pytest.mark.parametrize("split", SPLITS)
def test_the_accuracy_of_a_step_is_the_trainer_s_own(run, split):
    key = {"train": "train/accuracy", "val": "val_accuracy"}[split]
    counted = {
        line["step"]: line["payload"][f"{DATASET[split]}/accuracy"] for line in run.lines if line["split"] == split
    }
    own = {step: row[key] for step, row in enumerate(run.rows, 1) if key in row}
    repeated = run.config.oom_at_step  # counts the rollouts of both attempts; the trainer only the second
    if split == "train" and repeated:
        both = [r for r in run.history if r.step == repeated and r.split == "train"]
        own[repeated] = accuracy(both)
    assert counted == pytest.approx(own)


def test_a_step_that_was_tried_twice_is_one_payload(run):
    assert [line["step"] for line in run.lines if line["split"] == "train"] == list(range(1, run.config.steps + 1))
    assert run.lines[-1]["payload"]["cost/total_samples"] == len(run.history)


def test_the_costs_are_true_to_the_cent_and_beyond(run):
    last = run.lines[-1]["payload"]
    assert last["cost/executor_cost"] == pytest.approx(float(run.books.usd(role="executor")), rel=1e-12)
    assert last["cost/judge_cost"] == pytest.approx(float(run.books.usd(role="judge")), rel=1e-12)
    assert last["cost/total_cost"] == pytest.approx(float(run.books.usd()), rel=1e-12)
    assert sum(run.total(f"{at}cost/step_cost") for at in AT.values()) == pytest.approx(
        float(run.books.usd()), rel=1e-12
    )
    assert last["cost/avg_cost_per_sample"] == pytest.approx(float(run.books.usd()) / len(run.history), rel=1e-12)
    for split in SPLITS:
        for source in {rollout.source for rollout in run.history}:
            at = f"{DATASET[split]}/{source}"
            spent = sum(p.get(f"{at}/avg_cost", 0) * p.get(f"{at}/count", 0) for p in run.payloads(split))
            assert spent == pytest.approx(float(run.books.usd(split=split, source=source)), rel=1e-9)


def test_run_keys_are_the_sums_of_the_steps(run):
    last = run.lines[-1]["payload"]
    assert last["tokens/total"] == sum(run.books.tokens()[:2])
    assert last["cost/executor_calls"] == run.books.calls(role="executor")
    assert last["cost/judge_calls"] == run.books.calls(role="judge")
    assert last["cost/unpriced_calls"] == 0
    assert last["telemetry/errors"] == 0
