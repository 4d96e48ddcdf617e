"""The scripted model and judge that the programs ask."""

import re
from decimal import Decimal

from llm_telemetry.testing import LLMServer, Price, Reply
from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, MODEL, is_easy

PRICES = {
    MODEL: {"input": 0.15, "cached": 0.075, "output": 0.6},
    JUDGE_MODEL: {"input": 0.4, "cached": 0.1, "output": 1.6},
}


def answer(request):
    """Answer as the model, or as the judge: a verdict, or a comparison of two."""
    if request.system.startswith(JUDGE):
        return judge(request.user)
    item = next(item for item in ITEMS if item["problem"] in request.user)
    truth = int(item["ground_truth"])
    return f"Step by step, the result of the problem is {truth if is_easy(item) else truth + 1}"


def judge(text):
    """Judge the answers in `text` by the number after "truth:"."""
    truth = re.search(r"truth: (\d+)", text)[1]
    verdicts = [said == truth for said in re.findall(r"problem is (\d+)", text)]
    return Reply(f"<true_false>{verdicts[0]}</true_false>", verdict=verdicts[0])


def server():
    """Return a server whose books know executor and judge apart."""
    return LLMServer(
        answer,
        mark=lambda request: {"role": "judge" if request.system.startswith(JUDGE) else "executor"},
        prices={
            model: Price(*(Decimal(str(p[kind])) for kind in ("input", "cached", "output")))
            for model, p in PRICES.items()
        },
    )
