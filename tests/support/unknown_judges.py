"""Judges whose words nobody here knows, each with the function that its trainer reads it with: simulated."""

import random
import re
from typing import NamedTuple

THINGS = [
    "Paris",
    "42",
    "the derivative",
    "3.5 km",
    "Lyon",
    "17 apples",
    "the left branch",
    "x = 4",
    "sodium",
    "a list",
]
SAME = [
    "The candidate gives {}, and so does the reference.",
    "Both arrive at {}.",
    "After the algebra {} stays in both.",
]
OTHER = ["The candidate gives {}, the reference does not.", "One arrives at {}.", "The steps go astray after {}."]
BESIDE = ["Let me look at {} first.", "The question is about {}.", "We compare with {}.", "The formatting is fine."]

UNREADABLE = [
    "I am not able to judge this.",
    "Sorry, I can't help with that.",
    "As a language model I have no opinion on {}.",
    "The question about {} seems to be incomplete.",
    "It depends on how one reads the question; {} may be meant.",
    "Let me think about {} ...",
]


class Form(NamedTuple):
    """How one judge puts its verdict, and how its trainer finds it."""

    reply: str
    """With `{why}`, and `{verdict}` for one of the two."""
    right: str
    wrong: str
    pattern: str
    """What the trainer searches for; its first group is the verdict."""


FORMS = {
    "a word": Form("{verdict}", "Solid", "Shaky", r"^(solid|shaky)\W*$"),
    "a sentence": Form("The case is {verdict}.", "airtight", "not airtight", r"case is (airtight|not airtight)"),
    "an inverse label": Form("{why}\nPadding - {verdict}", "nope", "yep", r"padding - (yep|nope)"),
    "a question": Form("{why}\nFabrication? {verdict}", "No", "Yes", r"fabrication\? (yes|no)"),
    "at the end": Form("{why} I would {verdict} this.", "accept", "refuse", r"I would (accept|refuse) this"),
    "an equation": Form("{why}\nOutcome={verdict}", "OK", "KO", r"outcome=(ok|ko)"),
    "a field": Form("why: {why}\ngaps: {verdict}", "none", "some", r"gaps: (none|some)"),
    "two words": Form("{why}\nThumbs {verdict}", "up", "down", r"thumbs (up|down)"),
    "a picture": Form("{verdict} {why}", "👍", "👎", r"^(👍|👎)"),
    "a winner": Form("{why} The {verdict} wins.", "student", "teacher", r"the (student|teacher) wins"),
    "on top": Form("{verdict}\n\n{why}", "Entailment", "Contradiction", r"^(entailment|contradiction)"),
    "a code": Form("{why}\n=> {verdict}", "A1", "B2", r"=> (A1|B2)"),
    "a metal": Form("Level: {verdict}\n{why}", "gold", "lead", r"level: (gold|lead)"),
    "an empty tag": Form("{why}\n<{verdict}/>", "green", "red", r"<(green|red)/>"),
    "a count": Form("{why}\nProblems found: {verdict}", "0", "3", r"problems found: (\d)"),
    "German": Form("Die Antwort ist {verdict}.", "stichhaltig", "unhaltbar", r"ist (stichhaltig|unhaltbar)"),
    "Finnish": Form("{why}\nArvio: {verdict}", "kelpaa", "hylätty", r"arvio: (kelpaa|hylätty)"),
    "Chinese": Form("{why}\n裁定 {verdict}", "通关", "打回", r"裁定 (通关|打回)"),
}
KNOWN = Form("{why}\nVerdict: {verdict}", "correct", "incorrect", r"verdict: (correct|incorrect)")
"""One that is read here."""


class Judged(NamedTuple):
    """One entry of the books."""

    text: str
    """Empty when the API failed."""
    returned: object
    truth: str
    """The outcome."""


def judge(form, fallback, seed, *, count=200, right=0.6, unreadable=0.06, failed=0.03, kind=bool):
    """Return what a trainer hears from such a judge, and what its function returns; exact shares, in random order."""
    draw = random.Random(seed)
    plan = ["api_failure"] * round(count * failed) + ["parse_failure"] * round(count * unreadable)
    plan += ["verdict"] * (count - len(plan))
    draw.shuffle(plan)
    return [_judged(form, fallback, draw, what, right, kind) for what in plan]


def _judged(form, fallback, draw, what, right, kind):
    if what == "api_failure":
        return Judged("", fallback, what)
    is_right = draw.random() < right
    said = [draw.choice(SAME if is_right else OTHER), *draw.sample(BESIDE, draw.randint(0, 2))]
    draw.shuffle(said)
    why = " ".join(sentence.format(draw.choice(THINGS)) for sentence in said)
    if what == "parse_failure":
        cut = draw.random() < 0.3
        return Judged(
            why[: len(why) // 2] if cut else draw.choice(UNREADABLE).format(draw.choice(THINGS)), fallback, what
        )
    text = form.reply.format(why=why, verdict=form.right if is_right else form.wrong)
    found = re.search(form.pattern, text, re.IGNORECASE)[1].lower() == form.right.lower()
    return Judged(text, kind(found), "correct" if found else "incorrect")
