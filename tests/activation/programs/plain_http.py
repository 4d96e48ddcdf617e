# ruff: noqa: T201 - a program that a test runs
"""LLM calls by plain HTTP, and no SDK anywhere: by a script of functions, or by nobody who could be watched."""

import asyncio
import importlib
import os
import sys

LIBRARY, HOW = sys.argv[1:]
URL = os.environ["TEST_URL"] + "/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "2 + 2?"}]}
library = importlib.import_module(LIBRARY)


async def by_aiohttp():
    async with library.ClientSession() as session, session.post(URL, json=BODY) as response:
        return await response.json()


def ask():
    if LIBRARY == "aiohttp":
        return asyncio.run(by_aiohttp())
    return library.post(URL, json=BODY, timeout=30).json()


if HOW == "rewarded":

    def rollout(problem):
        return ask()["choices"][0]["message"]["content"]

    def compute_reward(problem, prediction, source):
        return 1.0 if prediction else 0.0

    for step in range(2):
        compute_reward(f"2 + {step}?", rollout(f"2 + {step}?"), "sums")
else:
    ask()
print("done")
