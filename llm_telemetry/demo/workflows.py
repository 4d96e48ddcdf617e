"""The workflows that the policy writes: Python text, now and then with a mistake in it."""

from __future__ import annotations

from typing import Literal

Template = Literal["direct", "chain_of_thought", "self_refine", "ensemble"]
Defect = Literal["syntax", "crash", "empty", "swapped"]

TEMPLATES: tuple[Template, ...] = ("direct", "chain_of_thought", "self_refine", "ensemble")
DEFECTS: tuple[Defect, ...] = ("syntax", "crash", "empty", "swapped")

# As in the real thing, the second value, "cost", is the model's invention: often 0, sometimes a text.
_SOURCES: dict[Template, str] = {
    "direct": """\
async def workflow(llm, problem):
    answer = await llm.ask("direct", problem, seed={seed})
    return answer, 0.0
""",
    "chain_of_thought": """\
async def workflow(llm, problem):
    answer = await llm.stream("chain_of_thought", problem, seed={seed})
    return answer, "0.0004 USD"
""",
    "self_refine": """\
async def workflow(llm, problem):
    answer = await llm.ask("draft", problem, seed={seed})
    review = await llm.ask("review", problem, seed={seed}, attempt=answer)
    if "looks right" not in review:
        answer = await llm.ask("revise", problem, seed={seed}, attempt=answer, review=review)
    return answer, 0.0
""",
    "ensemble": """\
async def workflow(llm, problem):
    votes = await llm.ask_many("vote", problem, seeds=[{seed}, {seed} + 1, {seed} + 2])
    answer = llm.majority(votes)
    return answer, 0
""",
}


def write(template: Template, seed: int, defect: Defect | None = None) -> str:
    """Write one workflow; `seed` makes its samples differ from those of other rollouts."""
    code = _SOURCES[template].format(seed=seed)
    if defect == "syntax":
        return code.replace("(llm, problem):", "(llm, problem)")
    if defect == "crash":
        return code.replace("return answer,", 'return answer["text"],')
    if defect == "empty":
        return code.replace("return answer,", 'return "",')
    if defect == "swapped":
        return code.replace("return answer,", "return 0.0,").replace(", 0.0\n", ", answer\n")
    return code
