"""Hundreds of judge answers of our own writing, each with what an honest reader makes of it.

`set` says when an answer was written: `written_before` the rules were, `held_out` and `held_out_2` after they were in
place, and run before anything was changed for them. On that first run 664 of 675, 143 of 164 and 55 of 60 were read
as expected; 3, 2 and 0 were read as a verdict they do not hold. Since then they guard what was mended.

The rounds came later, from forms that had been found unread or read as their opposite: other languages, negative keys,
letters of a grade, stop tokens, what public projects ask their judges for. Each was written, run, and only then mended:

| | answers | first run as expected | first run the opposite |
| --- | --- | --- | --- |
| `round_2` | 869 | 49.9 % | 5.9 % |
| `round_3` | 370 | 77.8 % | 3.0 % |
| `round_4` | 201, a third of them traps | 74.6 % | 0.0 % |
| `round_5` | 158 | 87.3 % | 0.6 % |
| `round_7` | 104 | 90.4 % | 0.0 % |
| `round_8` | 103 | 80.6 % | 0.0 % |
| `round_9`, from prompts of public graders | 229 | 93.4 % | 0.4 % |
| `round_10`, from verifiers of RL, agents, patches | 257 | 88.3 % | 0.4 % |
| `round_11`, in other dress: YAML, tables, markup, prose | 140 | 89.3 % | 0.0 % |
| `round_6`, for which nothing was mended | 164 | 98.8 % | 0.0 % |

Of `round_10` three rows, which are grades to the reader and verdicts to their author, were corrected afterwards.
Their rows say nothing of the family, nor why there is no verdict. Texts that were there already are not repeated.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from llm_telemetry.judging.verdicts import Verdict, passes, read_verdict

ROWS = [json.loads(line) for line in Path(__file__).with_name("corpus.jsonl").read_text(encoding="utf-8").splitlines()]


FIRST = [row for row in ROWS if row["family"] != "any"]
LATER = [row for row in ROWS if row["family"] == "any"]


def reading_of(row):
    return read_verdict(row["text"], truncated=row.get("truncated", False))


def is_as_expected(row):
    expected, reading = row["expect"], reading_of(row)
    if "unreadable" in expected or not isinstance(reading, Verdict):
        return not isinstance(reading, Verdict) and expected.get("unreadable") in ("any", reading.kind)
    same = (
        reading.correct is expected.get("correct")
        and reading.score == (pytest.approx(expected["score"], abs=1e-3) if "score" in expected else None)
        and reading.scale == (tuple(expected["scale"]) if "scale" in expected else None)
    )
    return (
        same
        and row["family"] in ("any", reading.family)
        and reading.confident is expected.get("confident", reading.confident)
    )


def is_opposite(row):
    """Tell a reading that contradicts what was said from one that merely misses it."""
    expected, used = row["expect"], passes(reading) if isinstance(reading := reading_of(row), Verdict) else None
    if "unreadable" in expected or used is None:
        return False
    return used is not expected.get("correct", expected.get("score", 0) >= 0.5)


def test_every_answer_is_read_as_expected(capsys):
    """All families at 100 %; the table of them is printed with `pytest -s`."""
    total, right, missed = Counter(), Counter(), []
    for row in FIRST:
        good = is_as_expected(row)
        total[row["family"]] += 1
        right[row["family"]] += good
        if not good:
            missed.append((row, reading_of(row)))
    for family, count in total.items():
        print(f"{family:12} {right[family]:4} of {count:4}  {right[family] / count:.1%}")  # noqa: T201
    assert missed == []


def test_nearly_every_later_answer_is_read_as_expected_and_hardly_any_as_its_opposite():
    right, opposite = (sum(map(test, LATER)) for test in (is_as_expected, is_opposite))
    print(f"{right} of {len(LATER)} as expected, {opposite} opposite")  # noqa: T201
    assert right / len(LATER) >= 0.97
    assert opposite / len(LATER) <= 0.005


def test_the_corpus_is_as_large_and_as_mixed_as_promised():
    def count(wanted):
        return sum(1 for row in ROWS if wanted(row))

    assert len(ROWS) == len({(row["text"], row.get("truncated", False)) for row in ROWS}) >= 420
    assert count(lambda row: any("\u4e00" <= letter <= "\u9fff" for letter in row["text"])) >= 60
    assert count(lambda row: "unreadable" in row["expect"]) >= 60
    assert count(lambda row: "score" in row["expect"]) >= 60


@pytest.mark.parametrize("family", ["structured", "tag", "bracket", "boxed", "label", "bare", "last_resort"])
def test_each_family_is_represented_by_both_verdicts(family):
    verdicts = {row["expect"].get("correct") for row in ROWS if row["family"] == family}
    assert {True, False} <= verdicts


def test_a_thought_before_an_answer_changes_nothing():
    thought = '<think>\nIt might be incorrect. Verdict: False? [[B]] \\boxed{False} {"correct": false}\n</think>\n\n'
    for row in ROWS:
        truncated = row.get("truncated", False)
        alone, after = (read_verdict(text, truncated=truncated) for text in (row["text"], thought + row["text"]))
        assert after == alone, row["text"]
