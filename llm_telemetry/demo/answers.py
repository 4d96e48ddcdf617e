"""The scripted models: what the solver, the answer extractor and the judge say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.demo.draws import draw, pick
from llm_telemetry.demo.prompts import between, code_block, final_answer, normalised, strategy_of

if TYPE_CHECKING:
    from llm_telemetry.demo.faults import Form
    from llm_telemetry.demo.items import Item


class Reply(NamedTuple):
    """What a scripted model says."""

    content: str | None
    finish_reason: str = "stop"
    reasoning: int = 0
    """Hidden reasoning tokens."""
    verdict: bool | None = None
    """The verdict that the content tells; `None` when it tells none."""
    refusal: str | None = None


# How often each strategy gets each source right: what the policy has to find out.
_SKILL: dict[str, dict[str, float]] = {
    "gsm8k": {"direct": 0.2, "chain_of_thought": 0.96, "draft": 0.25, "revise": 0.55, "vote": 0.35},
    "math": {"direct": 0.1, "chain_of_thought": 0.4, "draft": 0.35, "revise": 0.97, "vote": 0.3},
    "hotpotqa": {"direct": 0.25, "chain_of_thought": 0.4, "draft": 0.3, "revise": 0.4, "vote": 0.82},
    "humaneval": {"direct": 0.3, "chain_of_thought": 0.35, "draft": 0.4, "revise": 0.97, "vote": 0.3},
    "commonsenseqa": {"direct": 0.95, "chain_of_thought": 0.5, "draft": 0.35, "revise": 0.35, "vote": 0.45},
    "mmlu": {"direct": 0.3, "chain_of_thought": 0.93, "draft": 0.35, "revise": 0.45, "vote": 0.5},
}
_REVIEW_IS_RIGHT = 0.92
_UNMARKED = 0.2  # of the solutions end in prose, not with the marker that they were asked for
_THINKS = 0.15  # of the solver's answers come with hidden reasoning

_OPENINGS = ("Let us look at what is given.", "First, what is asked?", "This can be done in few steps.")
_STEPS = (
    "Write down the known quantities and what they stand for.",
    "Take them one after the other, and keep the intermediate result.",
    "Check that nothing was used twice.",
    "Compare with a rough estimate: the size is plausible.",
    "Rule out what contradicts the statement of the problem.",
    "Put the partial results together.",
    "Read the question again to see that this is what it asks.",
)
_LENGTH = {"direct": 0, "chain_of_thought": 6, "draft": 3, "revise": 4, "vote": 3}


def solve(item: Item | None, system: str, user: str, *key: object) -> Reply:
    """Answer one call of a workflow, right as often as its strategy is good at the item's source."""
    strategy = strategy_of(system)
    if item is None:  # a problem that is not the demo's own: say something, deterministic and useless
        return Reply(f"{pick(_OPENINGS, *key)}\nAnswer: {int(draw(*key) * 100)}")
    reasoning = int(64 + 512 * draw(*key, "reasoning")) if draw(*key, "thinks") < _THINKS else 0
    if strategy == "review":
        return Reply(_review(item, user, *key), reasoning=reasoning)
    right = draw(*key, "right") < _SKILL[item["source"]].get(strategy, 0.5)
    result = item["ground_truth"] if right else pick(item["meta"]["distractors"], *key, "wrong")
    steps = [pick(_STEPS, *key, "step", i) for i in range(_LENGTH.get(strategy, 1))]
    prose = " ".join([pick(_OPENINGS, *key, "opening"), *steps]) if steps else ""
    return Reply(f"{prose}\n{_conclusion(item, result, *key)}".strip(), reasoning=reasoning)


def _conclusion(item: Item, result: str, *key: object) -> str:
    """Write the end of a solution."""
    if item["problem_type"] == "code":
        return f"```python\n{result}```"
    if draw(*key, "unmarked") < _UNMARKED:
        return f"Taken together, which makes it {result}."
    return f"Answer: {result}"


def _review(item: Item, user: str, *key: object) -> str:
    """Review the attempt in the prompt; mostly rightly."""
    attempt = between(user, "attempt")
    found = code_block(attempt) if item["problem_type"] == "code" else final_answer(attempt)
    is_right = normalised(found) == normalised(item["ground_truth"])
    if is_right == (draw(*key, "review") < _REVIEW_IS_RIGHT):
        return "I went through every step: the attempt looks right."
    return f"One step does not hold. {pick(_STEPS, *key, 'hint')} Then write it again."


def extract(user: str) -> Reply:
    """Answer one call of the answer extractor."""
    return Reply(final_answer(between(user, "solution")))


_FORMS = (
    "<true_false>{}</true_false>",
    "The two agree in what matters or they do not; my verdict follows.\n<true_false>{}</true_false>",
    "<true_false>: {}",
    "**true_false**: {}",
    "true_false: {}",
    (
        "<think>Numbers first, then the wording. A false friend here would be the unit.</think>\n"
        "<true_false>{}</true_false>"
    ),
)
_FOREIGN = ('{{"correct": {json}}}', "{word}", '```json\n{{"is_correct": {json}}}\n```', "{yes}.")
_PROSE = (
    "The candidate gives a value, the reference another notation; more context is needed to decide.",
    "I am unable to compare these two, as the problem leaves the unit open.",
)
_TRUNCATED = (
    "<think>The candidate writes a result. If the unit were the same this would be True, but first",
    "<think>Step by step. The reference may be rounded, and then the statement is False unless",
)


def judge(form: Form, user: str, misjudged: float, *key: object) -> Reply:
    """Answer one call of the judge in the given form."""
    if form == "empty":
        return pick((Reply(""), Reply(None), Reply(None, refusal="I can't help with that.")), *key, "empty")
    if form == "truncated":
        return Reply(pick(_TRUNCATED, *key, "truncated"), finish_reason="length")
    if form == "prose":
        return Reply(pick(_PROSE, *key, "prose"))
    candidate, reference = between(user, "candidate"), between(user, "reference")
    verdict = normalised(final_answer(candidate)) == normalised(reference)
    verdict ^= draw(*key, "misjudged") < misjudged
    if form == "foreign":
        words = {"json": str(verdict).lower(), "word": "Correct" if verdict else "Incorrect"}
        words["yes"] = "Yes" if verdict else "No"
        return Reply(pick(_FOREIGN, *key, "foreign").format(**words), verdict=verdict)
    return Reply(pick(_FORMS, *key, "tag").format(verdict), verdict=verdict)
