# ruff: noqa: T201 - a program that a test runs
"""Calls an LLM, and has nothing that looks like a trainer."""

import openai
from shapes import URL


class Trainer:
    def __init__(self):
        self.client = openai.OpenAI(base_url=URL, api_key="k", max_retries=0)

    def one_round(self):
        return self.client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "2 + 2?"}]
        )


print(Trainer().one_round().choices[0].message.role)
