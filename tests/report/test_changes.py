"""Change points: found where there are, seldom where there are none, and never surer than they should be."""

import random

import pytest

from llm_telemetry.collectors import keys
from llm_telemetry.report import changes
from llm_telemetry.report.audit import audit
from llm_telemetry.report.changes import LEAST, MOST, find_change
from llm_telemetry.report.datasets import find_changes, gap_between
from llm_telemetry.report.sections import say_change
from llm_telemetry.runs.find import read_run
from llm_telemetry.runs.history import Point
from llm_telemetry.runs.reading import Reading
from tests.support.made_runs import drawn, payload, write_run


def level(rng, chance, steps, count=20, first=1):
    return [Point(first + step, drawn(rng, chance, count), count) for step in range(steps)]


def in_groups(rng, chance, steps, groups=4, size=8):
    """Steps whose rollouts are alike in groups, as those of one problem are: noisier than their number tells."""
    values = []
    for step in range(steps):
        chances = [100 * rng.betavariate(3 * chance / 100, 3 - 3 * chance / 100) for _ in range(groups)]
        mean = sum(drawn(rng, each, size) for each in chances) / groups
        values.append(Point(step + 1, mean, groups * size))
    return values


@pytest.mark.long
@pytest.mark.parametrize("noise", [level, in_groups], ids=["independent rollouts", "rollouts in groups"])
def test_of_1000_flat_runs_at_most_50_are_told_to_have_changed(noise):
    rng, datasets = random.Random(7), (30, 60, 90)
    alarms = 0
    for _ in range(1000):
        steps = rng.choice((8, 12, 25))
        alarms += any(find_change(noise(rng, chance, steps), 0.04 / len(datasets)) for chance in datasets)
    assert alarms <= 50


def flat_run(rng, noise):
    """A run in which nothing changes: three datasets, and a judge that fails now and then."""
    steps, reading = rng.choice((8, 12, 25)), Reading("flat")
    accuracies = {f"d{chance}": noise(rng, chance, steps) for chance in (30, 60, 90)}
    for step, well in enumerate(level(rng, 93, steps, count=48)):
        values = {source: points[step].value for source, points in accuracies.items()}
        rates = (well.value / 100, 1 - well.value / 100, 0.0)
        told = payload(step + 1, values, count=32, judge=rates) | {keys.EVALUATIONS.name: 48}
        reading.add({"payload": told, "time": 1.8e9 + step})
    return reading.run()


@pytest.mark.long
@pytest.mark.parametrize("noise", [level, in_groups], ids=["independent rollouts", "rollouts in groups"])
def test_the_audit_of_at_most_50_of_1000_flat_runs_tells_of_a_change_the_judge_s_included(noise):
    rng = random.Random(5)
    runs = [audit(flat_run(rng, noise)) for _ in range(1000)]
    assert sum(any(finding.place == "changes" for finding in found) for found in runs) <= 50


def test_50_datasets_that_all_change_are_told_after_a_few_random_orders(monkeypatch):
    """What noise alone would do is asked only where that is not plain: 12,500 orders each would take minutes."""
    rng, tried = random.Random(2), []
    explained = changes._explained
    monkeypatch.setattr(changes, "_explained", lambda *told: tried.append(told) or explained(*told))
    for _ in range(50):
        assert find_change([*level(rng, 30, 100), *level(rng, 70, 100, first=101)], changes.ALPHA / 50)
    assert len(tried) < 50 * 1000


@pytest.mark.long
@pytest.mark.parametrize("noise", [level, in_groups], ids=["independent rollouts", "rollouts in groups"])
def test_of_1000_runs_without_a_gap_at_most_50_are_told_to_have_one(noise):
    rng, gaps = random.Random(11), []
    for _ in range(1000):
        steps = rng.choice((8, 12, 25))
        lines = [noise(rng, chance, steps) for chance in (30, 60, 90)]
        vals = [noise(rng, chance, 1)[0]._replace(step=steps) for chance in (30, 60, 90)]
        gaps.append([gap_between("", val, line) for val, line in zip(vals, lines, strict=True)])
    assert sum(not all(gap.is_noise for gap in run) for run in gaps) <= 50


@pytest.mark.long
def test_the_true_step_is_within_what_is_told_in_nine_of_ten_runs():
    rng = random.Random(3)
    runs = [[*level(rng, 45, 30), *level(rng, 75, 30, first=31)] for _ in range(200)]
    found = [change for run in runs if (change := find_change(run)) is not None]
    assert len(found) > 190
    assert sum(change.earliest <= 31 <= change.latest for change in found) > 0.9 * len(found)
    assert sum(change.latest - change.earliest for change in found) / len(found) < 12


@pytest.mark.parametrize(
    ("levels", "before", "after", "step"),
    [
        ((80, 40), 80, 40, 31),
        ((20, 50, 80), 20, 80, 31),  # up in two steps is one rise, from the first of them on
        ((20, 80, 50), 80, 50, 61),  # after a rise and a fall it is the fall that matters
        ((80, 20, 50), 20, 50, 61),
    ],
)
def test_the_last_direction_is_told_since_it_began(levels, before, after, step):
    rng = random.Random(5)
    points = [p for i, chance in enumerate(levels) for p in level(rng, chance, 30, count=40, first=1 + 30 * i)]
    change = find_change(points)
    assert (change.before, change.after) == (pytest.approx(before, abs=5), pytest.approx(after, abs=5))
    assert abs(change.step - step) <= 2
    assert change.earliest <= step <= change.latest


def test_a_slow_rise_is_a_rise():
    rng = random.Random(6)
    change = find_change([point for i in range(100) for point in level(rng, 20 + i * 0.6, 1, first=i + 1)])
    assert change.after - change.before > 30


@pytest.mark.parametrize("points", [0, 1, 2, 3, 2 * LEAST - 1])
def test_few_steps_tell_nothing(points):
    assert find_change([Point(step, 100 * (step > points / 2), 10) for step in range(points)]) is None


def test_steps_that_are_all_alike_tell_nothing():
    assert find_change([Point(step, 50, 10) for step in range(100)]) is None


def test_one_unlucky_step_is_no_change():
    rng = random.Random(8)
    points = level(rng, 70, 60)
    points[-1] = Point(60, 0.0, 20)
    assert find_change(points) is None


def test_100_000_steps_are_drawn_together_and_the_change_is_found_all_the_same():
    rng = random.Random(9)
    points = [Point(step, rng.gauss(60 - 5 * (step > 70_000), 20), 10) for step in range(100_000)]
    change = find_change(points)
    assert abs(change.step - 70_000) <= 100_000 / MOST
    assert change.after - change.before == pytest.approx(-5, abs=0.5)


def test_the_same_run_is_told_the_same_way_each_time():
    points = [*level(random.Random(1), 50, 20), *level(random.Random(2), 70, 20, first=21)]
    assert find_change(points) == find_change(points)


def test_datasets_are_told_apart(tmp_path):
    rng = random.Random(4)
    steps = [
        payload(s, {"up": drawn(rng, 30 + 50 * (s > 20), 20), "flat": drawn(rng, 50, 20)}, count=20)
        for s in range(1, 41)
    ]
    found = find_changes(read_run(write_run(tmp_path / "a.jsonl", steps)))
    assert list(found) == ["up"]
    change = found["up"]._replace(before=30.04, after=80, step=21, earliest=20, latest=23)
    assert say_change("up", change) == "up got better: from 30.0 % to 80.0 % since step 21 (between 20 and 23)."
    alone = change._replace(after=10, earliest=21, latest=21)
    assert say_change("up", alone) == "up fell: from 30.0 % to 10.0 % since step 21."
