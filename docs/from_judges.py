# ruff: noqa: INP001, S311 - a script; what it draws is no secret
"""Simulate judges that stay well and judges that go bad, and write what the alarm tells into `docs/judge-trust.md`.

A policy that learns is judged for 300 steps; the evaluations go through the collector and the alarm of a real session.
Run: `python docs/from_judges.py` (some minutes; `--runs 20` for a look, which writes nothing).
"""

from __future__ import annotations

import argparse
import math
import random
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.alarm.alarm import Alarm
from llm_telemetry.collectors.consistency import ConsistencyCollector
from llm_telemetry.events import Evaluation, Judged
from llm_telemetry.settings.limits import limits_of
from llm_telemetry.sources import SourceNames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).parent / "judge-trust.md"
STEPS, BAD_FROM = 300, 150
PROBLEMS, PER_STEP, SAMPLES = 64, 6, 4
"""Problems in the dataset, and in a step, and answers to each."""
HEALTHY_RUNS, BAD_RUNS = 1000, 100
_TABLE = re.compile(r"(?<=<!-- simulation -->\n)(.*?)(?=<!-- /simulation -->)", re.DOTALL)


class Judge(NamedTuple):
    """How a judge is at a step; all are rates from 0 to 1."""

    flips: float = 0.073
    """Of single verdicts: on repetition 13.6 % of pairs differ, as arXiv 2606.13685 has measured."""
    prejudice: float = 0.05
    """Of answers that it judges wrongly each time."""
    unparsed: float = 0.03
    refused: float = 0.02
    gullible: float = 0.02
    """At which it accepts an answer that is none."""
    says: str | None = None
    """What it says of everything: `correct`, `incorrect`, or the `contrary`."""
    cheap: float = 0.0
    """Of answers that are none, which a policy gives that has found that they pay."""


WELL = Judge()


def _rising(step: int) -> Judge:
    return WELL._replace(flips=min(0.45, WELL.flips + 0.01 * (step - BAD_FROM)))


def _exploited(step: int) -> Judge:
    return WELL._replace(gullible=0.85, cheap=min(0.3, 0.005 * (step - BAD_FROM)))


BAD: dict[str, Callable[[int], Judge]] = {
    "says the contrary": lambda _: WELL._replace(says="contrary"),
    "accepts everything": lambda _: WELL._replace(says="correct"),
    "rejects everything": lambda _: WELL._replace(says="incorrect"),
    "is refused by a rate limit (40 % of the calls)": lambda _: WELL._replace(refused=0.4),
    "grows inconsistent (flips 1 % more each step, up to 45 %)": _rising,
    "accepts 85 % of what is no answer, and the policy finds it": _exploited,
}


def outcome(judge: Judge, *, right: bool, degenerate: bool, prejudiced: bool, rng: random.Random) -> str:
    """Return what comes of one evaluation."""
    draw = rng.random()
    if draw < judge.refused:
        return "api_failure"
    if draw < judge.refused + judge.unparsed:
        return "parse_failure"
    verdict = rng.random() < judge.gullible if degenerate else right ^ prejudiced ^ (rng.random() < judge.flips)
    if judge.says in ("correct", "incorrect"):
        return judge.says
    return "correct" if verdict ^ (judge.says == "contrary") else "incorrect"


def _form(problem: int, right: bool, liked: dict[int, float], rng: random.Random) -> int:
    """Return how an answer is written; one that was judged correct is half as likely again as one that was not."""
    forms = range(3) if right else range(3, 11)
    return rng.choices(forms, [liked.get(problem * 100 + form, 1.0) for form in forms])[0]


def evaluations(step: int, judge: Judge, liked: dict[int, float], rng: random.Random) -> Iterator[Evaluation]:
    """Yield the evaluations of a step: the policy is right in 20 % of its answers at first, in 85 % at the end."""
    skill = 0.2 + 0.65 / (1 + math.exp(-(step - STEPS / 3) / 30))
    cheap = max(judge.cheap, 0.01 * (1 - step / STEPS))
    for problem in rng.sample(range(PROBLEMS), PER_STEP):
        for _ in range(SAMPLES):
            right, degenerate = rng.random() < skill, rng.random() < cheap
            pair = problem * 100 + (99 if degenerate else _form(problem, right, liked, rng))
            prejudiced = (pair * 2654435761) % 1000 < 1000 * judge.prejudice
            came = outcome(judge, right=right, degenerate=degenerate, prejudiced=prejudiced, rng=rng)
            liked[pair] = 1.5 if came == "correct" else 1.0
            judged = Judged(pair, 40, degenerate)
            yield Evaluation("train", "s", came, None, False, "judge", judged=judged)  # type: ignore[arg-type]


def told_at(seed: int, goes_bad: Callable[[int], Judge] | None) -> int | None:
    """Return the step of the first alarm of a run, `None` without one."""
    limits = limits_of(True)
    assert limits is not None
    rng, names = random.Random(seed), SourceNames()
    alarm, consistency, liked = Alarm(limits, names), ConsistencyCollector(), dict[int, float]()
    for step in range(1, STEPS + 1):
        judge = goes_bad(step) if goes_bad is not None and step >= BAD_FROM else WELL
        for evaluation in evaluations(step, judge, liked, rng):
            alarm.add(evaluation, consistency.add_evaluation(evaluation))
        if alarm.check(step, None) is not None:
            return step
    return None


def table(healthy: int, bad: int) -> str:
    """Simulate, and return the table in Markdown."""
    false = sum(told_at(seed, None) is not None for seed in range(healthy))
    rows = ["| the judge | runs | told | steps until told: median, 95 % |", "| --- | --- | --- | --- |"]
    rows.append(f"| stays well | {healthy:,} | {false} ({100 * false / healthy:.1f} %) | |")
    for number, (name, goes_bad) in enumerate(BAD.items(), 1):
        found = [told_at(10_000 * number + seed, goes_bad) for seed in range(bad)]
        late = sorted(step - BAD_FROM + 1 for step in found if step is not None and step >= BAD_FROM)
        median = f"{statistics.median(late):g}, {late[math.ceil(0.95 * len(late)) - 1]}" if late else ""
        rows.append(f"| {name} | {bad} | {len(late)} | {median} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write the table, or print a quick one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, help="healthy runs; the table is printed and not written")
    runs = parser.parse_args().runs
    if runs:
        print(table(runs, max(runs // 10, 2)))  # noqa: T201 - what it is for
        return
    made = table(HEALTHY_RUNS, BAD_RUNS)
    PAGE.write_text(_TABLE.sub(lambda _: made, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
