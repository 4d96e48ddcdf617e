"""The demo's endpoint: what its scripted solver, answer extractor and judge say, and what goes wrong there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.demo.data import Item, items_by_problem
from llm_telemetry.demo.prompts import EXTRACTOR, JUDGE, between, code_block, final_answer, normalised, strategy_of
from llm_telemetry.testing.books import Price
from llm_telemetry.testing.draws import draw, pick
from llm_telemetry.testing.exchange import Reply, Request, count
from llm_telemetry.testing.faults import Faults
from llm_telemetry.testing.server import LLMServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PRICES = {
    "gpt-4o-mini": Price(Decimal("0.15"), Decimal("0.075"), Decimal("0.60")),
    "gpt-4.1-mini": Price(Decimal("0.40"), Decimal("0.10"), Decimal("1.60")),
}


class Day(NamedTuple):
    """How the endpoint is on a day."""

    solver: Faults = Faults()
    judge: Faults = Faults()
    extractor: Faults = Faults()
    foreign: float = 0.0
    """The rate of the judge's verdicts in a form that the trainer cannot read, and so takes for wrong."""
    misjudged: float = 0.0
    """The rate of the judge's verdicts that are wrong."""
    fickle: float = 0.0
    """The rate of the judge's verdicts that are the contrary of what it says of the same answer at other times."""
    gullible: float = 0.0
    """The rate at which the judge accepts an answer that is none."""
    blank: float = 0.0
    """The rate of the solver's answers that are none."""
    stricken: float = 0.0
    """The rate of the items on which the judge gives up half of its calls: its failures come in groups."""


_CALLS = Faults(rate_limited=0.05, server_error=0.02, exhausted=0.008, usage_missing=0.004)
CALM = Day()
USUAL = Day(
    # the judge's calls are never left hanging: they block the trainer's loop, and the SDK would wait ten minutes
    solver=replace(_CALLS, hung=0.003),
    judge=replace(_CALLS, empty=0.03, refusal=0.02, empty_again=0.25, truncated=0.015, unreadable=0.03),
    extractor=_CALLS,
    foreign=0.02,
    misjudged=0.01,
)
_BAD_CALLS = Faults(rate_limited=0.15, server_error=0.1, exhausted=0.05, usage_missing=0.05)
WORST = Day(
    solver=replace(_BAD_CALLS, hung=0.03),
    judge=replace(_BAD_CALLS, empty=0.1, refusal=0.05, empty_again=0.4, truncated=0.08, unreadable=0.1),
    extractor=_BAD_CALLS,
    foreign=0.08,
    misjudged=0.05,
)
DOUBTFUL = Day(judge=Faults(exhausted=0.02), fickle=0.4, gullible=0.6, blank=0.2, stricken=0.25)
"""A judge that cannot be trusted; whether it contradicts itself depends on the order in which it is asked."""


def demo_server(seed: int = 0, day: Day = USUAL, hang: float = 60.0) -> LLMServer:
    """Return the demo's endpoint, a context manager; the same seed, day and requests give the same answers."""
    faults = {"solver": day.solver, "judge": day.judge, "extractor": day.extractor}
    stricken = replace(day.judge, exhausted=_GIVES_UP)

    def fail(request: Request) -> Faults:
        kind = _kind(request)
        return stricken if kind == "judge" and is_stricken(seed, day, request) else faults[kind]

    models: dict[str, Callable[..., Reply]] = {
        "solver": partial(_solve, day),
        "judge": partial(_judge, day),
        "extractor": _extract,
    }

    def answer(request: Request) -> Reply:
        key = (seed, request.key, request.turn, request.call)
        reply = models[_kind(request)](request, *key)
        tokens = count(request, reply)
        cached = tokens.prompt // 2 // _CACHE_BLOCK * _CACHE_BLOCK if draw(*key, "cache") < _CACHE_HIT else 0
        # the judge blocks the trainer's loop, so the demo's one answers faster
        delay = (_LATENCY[0] + _LATENCY[1] * draw(*key, "latency")) * (1 if _kind(request) == "solver" else 0.3)
        return replace(reply, tokens=tokens._replace(cached=cached), delay=delay)

    return LLMServer(answer, faults=fail, mark=_marks, prices=PRICES, seed=seed, hang=hang)


def is_stricken(seed: int, day: Day, request: Request) -> bool:
    """Tell whether the judge fails on a request's item again and again."""
    return draw(seed, between(request.user, "problem"), "stricken") < day.stricken


_CACHE_BLOCK = 32  # tokens: the cache's granularity
_CACHE_HIT = 0.3
_GIVES_UP = 0.5
_LATENCY = (0.002, 0.013)  # seconds: least, and spread


def _kind(request: Request) -> str:
    """Tell who asks by the system prompt."""
    return {JUDGE: "judge", EXTRACTOR: "extractor"}.get(request.system, "solver")


def _item(request: Request) -> tuple[Item | None, str]:
    """Tell the item and its split by the problem in the prompt."""
    return items_by_problem().get(between(request.user, "problem"), (None, "unknown"))


def _marks(request: Request) -> Mapping[str, object]:
    """Return what the books are to know: role, kind, source and split."""
    kind, (item, split) = _kind(request), _item(request)
    source = item["source"] if item is not None else "unknown"
    return {"role": "executor" if kind == "solver" else "judge", "kind": kind, "source": source, "split": split}


# How often each strategy gets each source right: what the policy has to find out.
_STRATEGIES = ("direct", "chain_of_thought", "draft", "revise", "vote")
_SKILL = {
    "gsm8k": (0.2, 0.96, 0.25, 0.55, 0.35),
    "math": (0.1, 0.4, 0.35, 0.97, 0.3),
    "hotpotqa": (0.25, 0.4, 0.3, 0.4, 0.82),
    "humaneval": (0.3, 0.35, 0.4, 0.97, 0.3),
    "commonsenseqa": (0.95, 0.5, 0.35, 0.35, 0.45),
    "mmlu": (0.3, 0.93, 0.35, 0.45, 0.5),
}
_LENGTH = dict(zip(_STRATEGIES, (0, 6, 3, 4, 3), strict=True))  # steps that are written down
_REVIEW_IS_RIGHT = 0.92
_UNMARKED = 0.2  # of the solutions end in prose, not with the marker that they were asked for
_THINKS = 0.15  # of the solver's answers come with hidden reasoning

BLANKS = (":", "Solution:", "Thought process:", "...")
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


def _solve(day: Day, request: Request, *key: object) -> Reply:
    """Answer one call of a workflow, right as often as its strategy is good at the item's source."""
    strategy, (item, _) = strategy_of(request.system), _item(request)
    if item is None:  # a problem that is not the demo's own: say something, deterministic and useless
        return Reply(f"{pick(_OPENINGS, *key)}\nAnswer: {int(draw(*key) * 100)}")
    reasoning = int(64 + 512 * draw(*key, "reasoning")) if draw(*key, "thinks") < _THINKS else 0
    if strategy == "review":
        return Reply(_review(item, request.user, *key), reasoning=reasoning)
    if draw(*key, "blank") < day.blank:
        return Reply(pick(BLANKS, *key, "which"), reasoning=reasoning)
    right = draw(*key, "right") < _SKILL[item["source"]][_STRATEGIES.index(strategy)]
    result = item["ground_truth"] if right else pick(item["distractors"], *key, "wrong")
    steps = [pick(_STEPS, *key, "step", i) for i in range(_LENGTH[strategy])]
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


def _extract(request: Request, *_: object) -> Reply:
    """Answer one call of the answer extractor."""
    return Reply(final_answer(between(request.user, "solution")))


_FORMS = (
    "<true_false>{}</true_false>",
    "The two agree in what matters or they do not; my verdict follows.\n<true_false>{}</true_false>",
    "<true_false>: {}",
    "**true_false**: {}",
    "true_false: {}",
    "<think>Numbers first, then the wording. The unit is a false friend.</think>\n<true_false>{}</true_false>",
)
_FOREIGN_FORMS = ('{{"correct": {json}}}', "{word}", '```json\n{{"is_correct": {json}}}\n```', "{yes}.")


def _judge(day: Day, request: Request, *key: object) -> Reply:
    """Answer one call of the judge."""
    candidate, reference = between(request.user, "candidate"), between(request.user, "reference")
    verdict = normalised(final_answer(candidate)) == normalised(reference)
    verdict ^= draw(*key, "misjudged") < day.misjudged
    verdict ^= draw(*key, "fickle", request.number) < day.fickle
    verdict |= candidate.partition("\n")[0] in BLANKS and draw(*key, "gullible") < day.gullible
    if draw(*key, "is foreign") < day.foreign:
        words = {"json": str(verdict).lower(), "word": "Correct" if verdict else "Incorrect"}
        words["yes"] = "Yes" if verdict else "No"
        return Reply(pick(_FOREIGN_FORMS, *key, "foreign").format(**words), verdict=verdict)
    return Reply(pick(_FORMS, *key, "tag").format(verdict), verdict=verdict)
