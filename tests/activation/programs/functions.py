# ruff: noqa: T201 - a program that a test runs
"""A training as a script of functions: a client, a judge, a reward, a loop that logs; no class, no step."""

import sys

import openai
import wandb
from shapes import ITEM, URL

client = openai.OpenAI(base_url=URL, api_key="k", max_retries=0)


def ask(model, text):
    completion = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    return completion.choices[0].message.content or ""


def rollout(problem):
    return ask("gpt-4o-mini", problem)


def judge_answer(problem, prediction, ground_truth):
    return "true" in ask("gpt-4.1-mini", f"{problem}: is {prediction} {ground_truth}?").lower()


def compute_reward(problem, prediction, ground_truth, source):
    return 1.0 if judge_answer(problem, prediction, ground_truth) else 0.0


def main(how):
    if how != "at once":
        ask("gpt-4o-mini", "Are you there?")
    run = wandb.init(project="p", dir=".")
    for step in range(3):
        rewards = [compute_reward(prediction=rollout(ITEM["problem"]), **ITEM) for _ in range(2)]
        run.log({"reward": sum(rewards)}, **({"step": 10 * step} if how == "named" else {}))
    run.finish()
    print("done")


if __name__ == "__main__":
    main(sys.argv[-1])
