"""The prompts that the trainer sends; the scripted models read out of them who is asking, and what."""

from __future__ import annotations

import re

SOLVER = """\
You solve short problems from several fields: sums, questions about the world, small Python functions.
Strategy: {strategy}
For sums and questions end with a line 'Answer: ' and the bare result.
For functions give the whole function in one ```python block: plain Python, no imports, no while loops."""

EXTRACTOR = """\
You are an answer extractor. You are given a problem and a solution in prose.
Reply with the final result of the solution alone: no words around it, no unit, no punctuation.
Do not solve the problem yourself, and do not correct the solution."""

JUDGE = """\
You are a strict but fair judge. Compare the candidate's answer with the reference answer.
Different wording, units or number formats do not matter; a different meaning does.
Give your verdict as <true_false>True</true_false> or <true_false>False</true_false>."""

STRATEGY_HINTS = {
    "direct": "give the result at once.",
    "chain_of_thought": "reason step by step, write every step down, then give the result.",
    "draft": "write a first attempt; it will be reviewed.",
    "review": "find the mistakes in the attempt below; say 'looks right' if there are none.",
    "revise": "use the review below to write the final solution.",
    "vote": "solve it in your own way; the majority of several answers will be taken.",
}


def tagged(**texts: object) -> str:
    """Wrap each text in a tag, by which `between` finds it again."""
    return "\n".join(f"<{tag}>\n{text}\n</{tag}>" for tag, text in texts.items())


def between(text: str, tag: str) -> str:
    """Return what stands inside the first such tag of `text`, else an empty string."""
    found = re.search(rf"<{tag}>\n(.*?)\n</{tag}>", text, re.DOTALL)
    return found.group(1) if found else ""


def solver_system(strategy: str) -> str:
    """Return the solver's system prompt for one strategy."""
    return SOLVER.format(strategy=f"{strategy}: {STRATEGY_HINTS[strategy]}")


def strategy_of(system: str) -> str:
    """Return the strategy that a system prompt names, else `direct`."""
    found = re.search(r"^Strategy: (\w+)", system, re.MULTILINE)
    return found.group(1) if found else "direct"


def final_answer(text: str) -> str:
    """Return what a solution in prose gives as its result: after its last marker, else its last line."""
    marked = re.findall(r"(?:Answer:|which makes it)\s*(.+?)\.?\s*$", text, re.MULTILINE)
    lines = text.strip().splitlines()
    return str(marked[-1]).strip() if marked else (lines[-1].strip() if lines else "")


def code_block(text: str) -> str:
    """Return the last fenced Python block of `text`, else all of it."""
    blocks = re.findall(r"```(?:python)?\n(.*?)```", text, re.DOTALL)
    return str(blocks[-1]) if blocks else text


def normalised(text: str) -> str:
    """Return `text` as answers are compared: small letters and digits, numbers without a needless `.0`."""
    words = re.sub(r"[^\w./()-]+", " ", text.lower()).strip(" .")
    return re.sub(r"(?<=\d)\.0+$", "", words)
