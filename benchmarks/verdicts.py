"""How long it takes to read a judge's reply of about 2 kB, by family: `python benchmarks/verdicts.py`."""

from __future__ import annotations

import timeit

from llm_telemetry.judging.verdicts import read_verdict, returned_verdict

PROSE = (
    "The reference gives the area as 12 square metres; the response arrives at the same value by another route. "
    "In step 2 it expands the product, which is fine, and step 3 collects the terms. Note: the unit is implied.\n"
)
ZH = "参考答案给出的面积是十二平方米，学生用另一种方法得到了这个数值。第二步展开乘积，第三步合并同类项。\n"
LENGTH, REPEATS, ROUNDS = 2_000, 200, 5
"""Characters of a reply; readings in a round; rounds, of which the best is shown."""

ENDS = {
    "structured": '{"reasoning": "%s", "correct": true}',
    "structured (fenced)": '%s\n```json\n{"correct": true}\n```',
    "tag": "%s\n<true_false>True</true_false>",
    "bracket": "%s\n[[A]]",
    "boxed": "%s\n$\\boxed{\\text{True}}$",
    "label": "%s\nFinal Judgement: Correct",
    "label (chinese)": "最终判断：正确\n%s",
    "label (german)": "%s\nUrteil: richtig",
    "bare": "%s\nYes.",
    "last_resort": "%s All in all I go with False",
    "unreadable": "%s",
    "think": "<think>%s</think>\nVerdict: correct",
}


def reply(family: str) -> str:
    """Return a reply of about LENGTH characters."""
    prose = ZH if "chinese" in family else PROSE
    filling = (prose * (LENGTH // len(prose) + 1))[:LENGTH]
    return ENDS[family] % (filling.replace("\n", "\\n") if family == "structured" else filling)


def microseconds(function: object, argument: object) -> float:
    """Return the best time of one call."""
    timer = timeit.Timer("f(x)", globals={"f": function, "x": argument})
    return min(timer.repeat(ROUNDS, REPEATS)) / REPEATS * 1e6


def main() -> None:
    """Print a line for each family."""
    for family in ENDS:
        text = reply(family)
        print(f"{family:20} {microseconds(read_verdict, text):8.1f} µs  {read_verdict(text)}")
    text = reply("label") + "\nVerdict: correct"
    microseconds_purged = microseconds(lambda text: read_verdict(text, candidate=text[200:1200]), text)
    print(f"{'with the candidate':20} {microseconds_purged:8.1f} µs")
    for value in (True, 0.5, (True, "why"), {"score": 0.5, "reason": "why"}):
        print(f"returned {value!s:30} {microseconds(returned_verdict, value):8.1f} µs")


if __name__ == "__main__":
    main()
