"""Runs that never ran: JSONL files whose numbers a test has chosen, written as the sink writes them."""

import json
import random

from llm_telemetry.collectors import keys

VERSION = {"version": "0.1.0", "trainer": "t.T", "adapter": "by_shape", "parts": [], "missing": [], "settings": {}}


def payload(step, accuracies, *, split="train", count=10, usd=0.01, judge=None, **others):
    """The payload of a step whose accuracies, by dataset, are given; `judge` are its three rates."""
    told = {keys.STEP.name: step, keys.STEP_COST.of(split): usd, keys.TOTAL_COST.name: usd * step}
    told |= {keys.TOTAL_SAMPLES.name: step * count * len(accuracies)}
    for source, accuracy in accuracies.items():
        told |= {keys.ACCURACY.of(split, source): accuracy, keys.COUNT.of(split, source): count}
        told |= {keys.AVG_COST.of(split, source): usd / (count * len(accuracies)), keys.FAILED.of(split, source): 0}
    if accuracies:
        told[keys.ACCURACY.of(split)] = sum(accuracies.values()) / len(accuracies)
        told[keys.COUNT.of(split)] = count * len(accuracies)
    if judge is not None:
        rates = (keys.SUCCESS_RATE, keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE)
        told |= dict(zip((rate.of(split) for rate in rates), judge, strict=True)) | {keys.EVALUATIONS.of(split): count}
        told |= {keys.CALLS.of(split, role="judge"): count}
    return told | others


def write_run(
    path, payloads, *, first=1, split="train", run=None, process=1, evidence=None, watched=VERSION, steps=None
):
    """Write a line a payload, a second apart; returns the path. `evidence` is that of a step, by step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for number, values in enumerate(payloads, first):
            line = {"sequence": number, "watched": watched} if number == first else {"sequence": number}
            line |= {"run": run, "process": ["nowhere", process], "step": values[keys.STEP.name], "split": split}
            line |= {"time": 1.8e9 + number, "payload": values, "state": {}}
            line |= {"steps": steps} if steps else {}
            found = (evidence or {}).get(values[keys.STEP.name])
            file.write(json.dumps(line | ({"evidence": found} if found else {})) + "\n")
    return path


def proof(step, *, source="math", failure="no_verdict", answer="I cannot tell.", returned="False", error="", judge="j"):
    """A captured evaluation."""
    outcome = {"disagreed": False, "outcome": "parse_failure", "failure": failure}
    where = {"step": step, "split": "train", "source": source, "judge": judge}
    return where | outcome | {"answer": answer, "returned": returned, "error": error}


def drawn(rng, percent, count=10):
    """The accuracy of a step of `count` rollouts, each right with this chance."""
    return 100 * sum(rng.random() < percent / 100 for _ in range(count)) / count


def fallen_run(path, *, steps=60, since=41, seed=1, evidence=None):
    """A run in which `math` falls from 80 % to 40 % at a step, `gsm8k` rises at step 21, and `mmlu` stays."""
    rng = random.Random(seed)

    def accuracies(step):
        chances = {"gsm8k": 30 if step < 21 else 75, "math": 80 if step < since else 40, "mmlu": 60}
        return {source: drawn(rng, chance, 20) for source, chance in chances.items()}

    payloads = [payload(s, accuracies(s), count=20, judge=(0.95, 0.05, 0.0)) for s in range(1, steps + 1)]
    return write_run(path, payloads, evidence=evidence)
