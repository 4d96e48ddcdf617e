"""What judge, groups and money are worth: held against what the trainer knows, and what the server has served."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import pytest

from llm_telemetry.demo.models import BLANKS, is_stricken
from llm_telemetry.demo.prompts import between
from llm_telemetry.testing import Books
from tests.support.demo_runs import PLANS

SPLITS = ("train", "val")
AT = {"train": ("dataset", ""), "val": ("val", "val/")}
SEEDS = 8
"""So many requests of a workflow may be told apart by their seed."""


@pytest.fixture(params=["usual", "worst", "calm", "doubtful"])
def run(request, demo_run):
    return demo_run(request.param)


@dataclass
class Known:
    """A rollout as the trainer has it, with what the server knows of its judge."""

    row: object
    outcome: str | None
    entries: list

    @property
    def stands_in(self):
        return self.outcome in ("parse_failure", "api_failure")

    @property
    def reward(self):
        return None if self.row.failed else self.row.reward


def known_of(run):
    """Each rollout with its evaluation and its requests, as the server has served them."""
    by_seed, judged = defaultdict(list), defaultdict(list)
    for entry in run.entries:
        if entry.marks["role"] == "executor":
            by_seed[entry.request.body["seed"]].append(entry)
    for evaluation in run.books.evaluations(kind="judge"):
        judged[_asked(evaluation.last)].append(evaluation)
    of_question = defaultdict(list)
    for entry in run.entries:
        if entry.marks["role"] == "judge":
            of_question[entry.question].append(entry)
    extracted = defaultdict(list)
    for entries in of_question.values():
        if entries[0].marks["kind"] == "extractor":
            user = entries[0].request.user
            extracted[between(user, "problem"), between(user, "solution")].append(entries)
    known = []
    for row in run.history:
        evaluations = judged.get((row.problem, row.answer)) if row.answer is not None else None
        evaluation = evaluations.pop(0) if evaluations else None
        entries = [entry for n in range(SEEDS) for entry in by_seed[row.seed + n]]
        entries += of_question[evaluation.last.question] if evaluation else []
        asked = extracted.get((row.problem, row.answer))
        entries += asked.pop(0) if asked else []
        known.append(Known(row, evaluation and evaluation.outcome, entries))
    assert not any(judged.values())
    return known


def _asked(entry):
    """The problem and the prediction that a judge was asked about; an extracted answer stands behind some."""
    user = entry.request.user
    candidate = between(user, "candidate")
    extracts = entry.marks["source"] in ("math", "gsm8k", "hotpotqa")
    return between(user, "problem"), candidate.rpartition("\nAnswer: ")[0] if extracts else candidate


def payloads_of(run, split):
    """The payloads of a split, each with the rollouts that it is about."""
    known = [one for one in known_of(run) if one.row.split == split]
    lines = [line for line in run.lines if line["split"] == split]
    if split == "train":
        return [(line["payload"], [one for one in known if one.row.step == line["step"]]) for line in lines]
    size = len(known) // len(lines)
    return [(line["payload"], known[i * size : (i + 1) * size]) for i, line in enumerate(lines)]


@pytest.mark.parametrize("split", SPLITS)
def test_the_bounds_of_accuracy_are_those_that_failed_evaluations_leave_open(run, split):
    for payload, known in payloads_of(run, split):
        for source in {one.row.source for one in known}:
            own = [one for one in known if one.row.source == source]
            at = f"{AT[split][0]}/{source}"
            if not any(one.outcome for one in own):
                assert f"{at}/accuracy_low" not in payload
                continue
            judged = [one.row.correct for one in own if one.outcome and not one.stands_in]
            open_ones = sum(one.stands_in for one in own)
            sure = sum(one.row.correct for one in own if not one.stands_in)
            assert payload[f"{at}/accuracy_low"] == pytest.approx(100 * sure / len(own))
            assert payload[f"{at}/accuracy_high"] == pytest.approx(100 * (sure + open_ones) / len(own))
            assert payload.get(f"{at}/judged_accuracy") == (
                pytest.approx(100 * sum(judged) / len(judged)) if judged else None
            )


def groups_of(known):
    groups = defaultdict(list)
    for one in known:
        groups[one.row.problem].append(one)
    return [group for group in groups.values() if len(group) > 1]


def is_flat(group):
    rewards = {one.reward for one in group}
    return False if len(rewards - {None}) > 1 else None if None in rewards else True


def is_contaminated(group):
    own = [one.reward for one in group if not one.stands_in and one.reward is not None]
    alien = [one.reward for one in group if one.stands_in and one.reward is not None]
    everything = own + alien
    return bool(own and alien) and abs(sum(everything) / len(everything) - sum(own) / len(own)) > 1e-9


def test_groups_are_those_of_the_trainer(run):
    contaminated = 0
    for payload, known in payloads_of(run, "train"):
        groups = groups_of(known)
        rights = Counter(
            {0: "none", len(group): "all"}.get(sum(o.row.correct for o in group), "mixed") for group in groups
        )
        assert payload["group/count"] == len(groups)
        for name, kind in (("solved_all", "all"), ("solved_none", "none"), ("mixed", "mixed")):
            assert payload[f"group/{name}"] == pytest.approx(rights[kind] / len(groups))
        flat = [is_flat(group) for group in groups]
        measured = len(flat) - flat.count(None)
        assert payload["group/zero_variance_rate"] == pytest.approx(flat.count(True) / measured)
        bad = [group for group in groups if is_contaminated(group)]
        contaminated += len(bad)
        assert payload["group/contaminated_rate"] == pytest.approx(len(bad) / len(groups))
        assert payload["group/contaminated_rollouts"] == sum(map(len, bad))
    assert contaminated or not any(entry.form == "refused" for entry in run.entries)  # on the calm day


def usd(run, ones):
    books = Books(run.books._prices)
    for one in ones:
        for entry in one.entries:
            books.add(entry)
    return books.usd()


@pytest.mark.parametrize("split", SPLITS)
def test_what_was_paid_for_is_what_it_was_paid_for(run, split):
    at = AT[split][1]
    for payload, known in payloads_of(run, split):
        groups, whole = groups_of(known), usd(run, known)
        wasted = [one for group in groups if is_flat(group) for one in group]
        assert payload.get(f"{at}cost/in_zero_variance_groups", 0) == pytest.approx(float(usd(run, wasted)))
        failed = [one for one in known if one.row.failed]
        assert payload[f"{at}cost/failed_rollouts"] == pytest.approx(float(usd(run, failed)))
        right = sum(one.row.correct for one in known)
        assert payload[f"{at}cost/per_correct_rollout"] == pytest.approx(float(whole / right))
        informative = sum(is_flat(group) is False for group in groups)
        key = f"{at}cost/per_informative_group"
        assert payload.get(key) == (pytest.approx(float(whole / informative)) if informative else None)
        assert payload[f"{at}cost/unattributed"] == 0


@pytest.mark.parametrize("split", SPLITS)
def test_what_failures_and_retries_of_the_judge_cost_is_what_the_server_has_served(run, split):
    at = AT[split][1]
    entries = [entry for entry in run.entries if entry.marks["kind"] == "judge" and entry.marks["split"] == split]
    bad = {e.last.question for e in run.books.evaluations(kind="judge", split=split) if e.failure}
    for key, chosen in (
        ("judge_failures", [entry for entry in entries if entry.question in bad]),
        ("retries", [entry for entry in entries if entry.call]),
    ):
        books = Books(run.books._prices)
        for entry in chosen:
            books.add(entry)
        assert run.total(f"{at}cost/{key}", split) == pytest.approx(float(books.usd()), rel=1e-9)


@pytest.mark.parametrize("role", ["executor", "judge"])
def test_the_share_of_the_cache_is_that_which_the_server_has_told(run, role):
    told = run.books.tokens(role=role, split="train")
    payloads = run.payloads("train")
    hits = sum(p[f"tokens/{role}/cache_hit_rate"] * p[f"tokens/{role}/prompt"] for p in payloads)
    assert hits == pytest.approx(told.cached)


def test_the_projected_cost_ends_at_what_the_server_has_served_and_the_judge_never_changed(run):
    payloads = [line["payload"] for line in run.lines if line["split"] == "train"]
    assert {line["steps"] for line in run.lines} == {run.config.steps}
    assert "cost/projected" not in payloads[0]
    assert payloads[-1]["cost/projected"] == payloads[-1]["cost/total_cost"]
    assert run.lines[-1]["payload"]["cost/projected"] == pytest.approx(float(run.books.usd()))
    assert {payload["judge/changes"] for payload in payloads} == {0}


def test_a_judge_that_fails_in_groups_contaminates_those_and_hardly_any_other(demo_run):
    run, plan = demo_run("doubtful"), PLANS["doubtful"]
    counts = Counter()
    for payload, known in payloads_of(run, "train"):
        for group in groups_of(known):
            asked = [one for one in group if one.outcome]
            if asked:
                judged = next(e for one in asked for e in one.entries if e.marks["kind"] == "judge")
                name = "stricken" if is_stricken(plan.seed, plan.day, judged.request) else "spared"
                counts.update({name: 1, f"{name} evaluations": len(asked)})
                counts[f"{name} failures"] += sum(one.outcome == "api_failure" for one in asked)
                counts[f"{name} contaminated"] += is_contaminated(group)
        bad = payload["group/contaminated_rate"] * payload["group/count"]
        counts["told"] += round(bad)
    rates = {name: counts[f"{name} failures"] / counts[f"{name} evaluations"] for name in ("stricken", "spared")}
    assert rates["stricken"] == pytest.approx(0.5, abs=0.15)
    assert rates["spared"] == pytest.approx(0.02, abs=0.03)
    assert counts["told"] == counts["stricken contaminated"] + counts["spared contaminated"]
    assert counts["stricken contaminated"] / counts["stricken"] > 3 * counts["spared contaminated"] / counts["spared"]


CHEAP = (*BLANKS, *(f"{blank}\nAnswer: {blank}" for blank in (":", "...")))
"""Answers that are none, also where the trainer has put behind them what it has extracted from them."""


def test_what_a_doubtful_judge_says_again_and_accepts_is_what_the_server_has_served(demo_run):
    run = demo_run("doubtful")
    before, pairs, differ, blank, accepted = {}, Counter(), Counter(), Counter(), Counter()
    for evaluation in run.books.evaluations(kind="judge"):
        entry, split = evaluation.last, evaluation.last.marks["split"]
        if entry.verdict is None:
            continue
        candidate = between(entry.request.user, "candidate")
        asked = between(entry.request.user, "problem"), "".join(candidate.lower().split())
        pairs[split] += asked in before
        differ[split] += before.get(asked, entry.verdict) != entry.verdict
        before[asked] = entry.verdict
        blank[split] += candidate in CHEAP
        accepted[split] += candidate in CHEAP and entry.verdict
    assert min(pairs["train"], differ["train"], blank["train"], accepted["train"]) > 0
    for split in SPLITS:
        at, payloads = f"{AT[split][1]}judge", run.payloads(split)
        assert run.total(f"{at}/repeated_pairs", split) == pairs[split]
        assert run.total(f"{at}/degenerate_seen", split) == blank[split]
        shares = [p.get(f"{at}/inconsistent_rate", 0) * p.get(f"{at}/repeated_pairs", 0) for p in payloads]
        assert sum(shares) == pytest.approx(differ[split])
        shares = [p.get(f"{at}/degenerate_accepted_rate", 0) * p.get(f"{at}/degenerate_seen", 0) for p in payloads]
        assert sum(shares) == pytest.approx(accepted[split])
