"""What the report says in words and figures, held against what is in the payloads."""

import re

import pytest

from llm_telemetry.collectors import keys
from llm_telemetry.report.datasets import answer_datasets, answer_validation, find_gaps
from llm_telemetry.report.judge import answer_judge
from llm_telemetry.report.report import make_report
from llm_telemetry.report.sections import format_seconds
from llm_telemetry.report.spending import answer_costs, answer_time, cheapest_steps
from llm_telemetry.runs.find import read_run
from tests.support.made_runs import fallen_run, payload, write_run


@pytest.fixture
def fallen(tmp_path):
    return read_run(fallen_run(tmp_path / "fallen.jsonl"))


@pytest.fixture
def demo(demo_run, tmp_path):
    """The demo's run, read back from its own lines."""
    import json  # noqa: PLC0415

    run = demo_run("usual")
    path = tmp_path / "demo.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in run.lines))
    return run, read_run(path)


def made(tmp_path, payloads, **others):
    return read_run(write_run(tmp_path / "made.jsonl", payloads, **others))


def figures(section, title):
    (found,) = [figures for figures in section.figures if figures.title == title]
    return {row[0]: dict(zip(found.heads, row, strict=True)) for row in found.rows}


def test_which_dataset_fell_comes_first_with_its_step(fallen):
    fell, rose, steady = answer_datasets(fallen).sentences
    assert re.match(r"math fell: from (7|8)\d\.\d % to (3|4)\d\.\d % since step (39|40|41|42)\b", fell)
    assert re.match(r"gsm8k got better: from (2|3)\d\.\d % to 7\d\.\d % since step (19|20|21|22)\b", rose)
    assert re.fullmatch(r"No change beyond noise: mmlu \((5|6)\d\.\d %\)\.", steady)


def test_first_and_last_are_the_quarters_at_the_ends_and_counts_are_of_all(fallen):
    (line,) = [
        line for line in figures(answer_datasets(fallen), "Accuracy by dataset").values() if line["dataset"] == "math"
    ]
    values = fallen.train.column(keys.ACCURACY, "math")
    assert line["first"] == f"{sum(values[:15]) / 15:.1f} %"
    assert line["last"] == f"{sum(values[-15:]) / 15:.1f} %"
    assert line["rollouts"] == "1,200"


def test_rollouts_without_a_reward_are_in_no_mean(tmp_path):
    steps = [payload(1, {"math": 100.0}), payload(2, {"math": 0.0}, **{"dataset/math/unscored": 5})]
    line = figures(answer_datasets(made(tmp_path, steps)), "Accuracy by dataset")["math"]
    assert line["unscored"] == "5"
    sentence = answer_datasets(made(tmp_path, [])).sentences[0]
    assert sentence == f"No change beyond noise: math ({100 * 10 / 15:.1f} %)."


def test_what_the_demo_has_cost_is_what_the_server_has_booked(demo):
    books, run = demo
    section = answer_costs(run)
    total = run.latest[keys.TOTAL_COST.name]
    assert total == pytest.approx(float(books.books.usd()), rel=1e-9)
    correct = sum(
        payload.get(accuracy, 0) * (payload.get(count, 0) - payload.get(unscored, 0)) / 100
        for payload in books.payloads()
        for accuracy, count, unscored in (
            ("dataset/accuracy", "dataset/count", "dataset/unscored"), ("val/accuracy", "val/count", "val/unscored"),
        )
    )  # fmt: skip
    sentence = section.sentences[0]
    usd = [float(amount) for amount in re.findall(r"\$([\d.]+\d)", sentence)]
    assert usd == pytest.approx([total, total / run.latest["cost/total_samples"], total / correct], rel=0.01)
    assert ("at least" in sentence) == (run.latest["cost/unpriced_calls"] + run.latest["cost/unmetered_calls"] > 0)
    roles = figures(section, "By role, training and validation")
    for role in ("executor", "judge"):
        assert roles[role]["calls"] == f"{run.latest[f'cost/{role}_calls']:,.0f}"
    tokens = sum(int(row["tokens"].replace(",", "")) for row in roles.values())
    assert tokens == run.latest["tokens/total"]


def test_costs_by_dataset_come_to_what_training_has_cost_for_rollouts(demo):
    _, run = demo
    by_dataset = figures(answer_costs(run), "By dataset, in training").values()
    spent = sum(float(row["USD"].strip("$")) for row in by_dataset)
    assert spent == pytest.approx(run.train.total(keys.STEP_COST), rel=0.02)


def test_the_present_rate_is_that_of_the_latest_steps_with_validation(tmp_path):
    steps = [payload(s, {"math": 50}, usd=1.0 if s <= 20 else 0.02) for s in range(1, 41)]
    path = write_run(tmp_path / "a.jsonl", steps)
    write_run(path, [payload(40, {"math": 50}, split="val", usd=0.4)], first=41, split="val")
    said = "At the present rate, 100 more steps cost $3.00 and take 100 s."
    assert said in answer_costs(read_run(path)).sentences


def test_what_it_will_have_cost_at_its_end_is_told_while_it_goes_on(tmp_path):
    said = "After its last step the run will have cost $0.7500, at its mean rate."
    going_on = made(tmp_path, [payload(s, {"math": 50}, **{"cost/projected": 0.75}) for s in (1, 2)])
    assert said in answer_costs(going_on).sentences
    ended = read_run(write_run(tmp_path / "b.jsonl", [payload(75, {"math": 50}, **{"cost/projected": 0.75})]))
    assert not any("last step" in sentence for sentence in answer_costs(ended).sentences)


def test_what_failures_have_cost_is_the_sum_of_the_steps(tmp_path):
    step = payload(1, {"math": 50}, count=20) | {"dataset/failed": 3, "llm/executor/retries": 7}
    step |= {"cost/failed_rollouts": 0.25, "cost/judge_failures": 0.125, "cost/retries": 0.0625}
    sentences = answer_costs(made(tmp_path, [step, step | {keys.STEP.name: 2}])).sentences
    assert "6 rollouts have failed (15.0 %), which cost $0.5000." in sentences
    assert "Evaluations without a verdict cost $0.2500, asking a judge again $0.1250." in sentences
    assert "What 14 retries of the SDKs have cost, no API tells." in sentences


def test_where_nothing_failed_nothing_is_said_to_have_cost(tmp_path):
    step = payload(1, {"math": 50}) | {"dataset/failed": 0, "cost/failed_rollouts": 0.0, "cost/judge_failures": 0.0}
    assert not any("fail" in s or "without" in s for s in answer_costs(made(tmp_path, [step])).sentences)


def test_the_cheapest_steps_are_those_with_most_correct_rollouts_for_their_money(tmp_path):
    steps = [payload(1, {"math": 50}, usd=5), payload(2, {"math": 100}, usd=5), payload(3, {"math": 0}, usd=1)]
    assert [(p.step, p.value) for p in cheapest_steps(made(tmp_path, steps).train)] == [(2, 0.5), (1, 1.0)]


def test_a_run_without_prices_says_so_and_shows_no_zero(tmp_path):
    step = {k: v for k, v in payload(1, {"math": 50}).items() if "cost" not in k}
    section = answer_costs(made(tmp_path, [step]))
    assert section.sentences == ["No cost is known: no call told its tokens, or no model has a known price."]
    assert section.figures == ()


def test_the_judge_of_the_demo_is_told_with_its_own_counts(demo):
    books, run = demo
    section = answer_judge(run)
    train = books.payloads("train")
    calls = sum(payload["judge/calls"] for payload in train)
    assert f"of {calls:,} evaluations " in section.sentences[0]
    unread = sum(payload["judge/parse_failure_rate"] * payload["judge/calls"] for payload in train) / calls
    assert f"{100 * unread:.1f} % not readable" in section.sentences[0]
    kinds = figures(section, "Failures by kind")
    assert {kind: int(row["evaluations"]) for kind, row in kinds.items()} == {
        key.removeprefix("judge/failures/"): sum(payload.get(key, 0) for payload in train)
        for payload in train
        for key in payload
        if key.startswith("judge/failures/")
    }


@pytest.mark.parametrize(
    ("rates", "is_well"), [((0.85, 0.1, 0.05), True), ((0.7, 0.3, 0), False), ((0.85, 0, 0.15), False)]
)
def test_a_judge_beyond_a_limit_of_the_alarm_is_not_well(tmp_path, rates, is_well):
    section = answer_judge(made(tmp_path, [payload(1, {"math": 50}, judge=rates)]))
    assert section.sentences[0].startswith("The judge is well: " if is_well else "The judge is not well: ")


def test_since_when_the_judge_got_worse_is_told(tmp_path):
    steps = [
        payload(s, {"a": 50}, count=50, judge=(0.98 - 0.3 * (s > 20), 0.02 + 0.3 * (s > 20), 0)) for s in range(1, 41)
    ]
    assert (
        "The share with a verdict fell: from 98.0 % to 68.0 % since step 21."
        in answer_judge(made(tmp_path, steps)).sentences
    )


def test_validation_is_held_against_the_steps_before_it(tmp_path):
    gaps, sentences = validated(tmp_path / "a.jsonl", count=1000)
    assert [(gap.source, gap.step, gap.points) for gap in gaps] == [("gsm8k", 6, 0), ("math", 6, 15), ("", 6, 7.5)]
    assert sentences == [
        "At step 6, validation of all datasets was at 40.0 %, training at 47.5 %: 7.5 points ahead.",
        "At step 6, validation of math was at 30.0 %, training at 45.0 %: 15.0 points ahead.",
    ]


def test_a_gap_of_few_rollouts_is_told_to_be_noise(tmp_path):
    _, sentences = validated(tmp_path / "a.jsonl", count=10)
    overall = "At step 6, validation of all datasets was at 40.0 %, training at 47.5 %: 7.5 points ahead"
    assert sentences == [f"{overall}, which noise alone may do.", "Of no dataset alone is the gap beyond noise."]


def validated(path, count):
    """The gaps, and what is said, of a run whose validation at step 6 has so many rollouts a dataset."""
    levels = [(1, 44), (2, 44), (3, 44), (4, 45), (5, 45), (6, 46), (7, 90)]
    write_run(path, [payload(step, {"math": level, "gsm8k": 50}, count=count) for step, level in levels])
    write_run(path, [payload(6, {"math": 30, "gsm8k": 50}, split="val", count=count)], first=10, split="val")
    run = read_run(path)
    return find_gaps(run), answer_validation(run).sentences


def test_a_run_without_validation_has_no_such_section(fallen):
    assert answer_validation(fallen) is None


def test_where_the_time_goes_is_told_with_the_slowest_step(tmp_path):
    times = {"llm/judge/latency_p50": 0.5, "llm/judge/calls": 10, "llm/judge/retries": 2, "llm/judge/errors": 1}
    steps = [payload(s, {}) | times | {"llm/judge/latency_p95": 9.0 if s == 3 else 1.0} for s in range(1, 6)]
    section = answer_time(made(tmp_path, [step | {"llm/judge/errors/rate_limit": 1} for step in steps]))
    step, judge = section.sentences
    assert step == "A step takes 1.00 s, the median of the latest."
    assert judge.startswith("Half of the judge's calls of a step take less than 0.50 s, 95 % less than 1.00 s; ")
    assert judge.endswith("; step 3 was slowest with 9.00 s.")
    assert figures(section, "Calls in training")["judge"] == {
        "role": "judge", "half": "0.50 s", "95 %": "1.00 s",
        "calls": "50", "retries": "10", "errors": "5", "rate limits": "5",
    }  # fmt: skip


def test_several_runs_are_compared_and_one_is_not(tmp_path, fallen):
    better = read_run(write_run(tmp_path / "better.jsonl", [payload(s, {"math": 90}) for s in range(1, 9)]))
    (section,) = make_report([fallen, better]).sections
    assert section.sentences == ["better ends highest: 90.0 % in the last quarter of its steps."]
    assert list(figures(section, "The runs")) == ["fallen", "better"]
    assert make_report([fallen]).sections == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.123, "0.12 s"),
        (9.5, "9.50 s"),
        (45, "45 s"),
        (119, "119 s"),
        (600, "10 min"),
        (9000, "2.5 h"),
        (1e6, "11.6 days"),
    ],
)
def test_times_are_said_as_people_say_them(seconds, said):
    assert format_seconds(seconds) == said


@pytest.mark.parametrize(
    "steps", [[], [payload(1, {})], [payload(1, {"math": 50})]], ids=["nothing", "no data", "one step"]
)
def test_a_run_of_next_to_nothing_has_a_report(tmp_path, steps):
    steps = steps or [{keys.STEP.name: 0}]
    (run,) = make_report([made(tmp_path, steps)]).runs
    assert [section.name for section in run.sections] == ["datasets", "judge", "costs", "time"]
    assert all(section.sentences for section in run.sections)
