"""What the programs of this folder share: a judge to ask, and the truth to hold payloads against."""

import json
import sys
from collections import defaultdict

import openai

import llm_telemetry
from llm_telemetry.testing import LLMServer


def verdict_on(answer):
    """What the scripted judge says of an answer, or rather of its only digit."""
    return int(answer[-1]) % 3 != 0


def reply(request):
    return "Verdict: yes" if verdict_on(request.user.strip("?")) else "Verdict: no"


@llm_telemetry.judge
async def is_right(answer, source):
    """Ask the judge."""
    async with openai.AsyncOpenAI() as client:
        messages = [{"role": "user", "content": f"{source}: {answer}?"}]
        said = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return said.choices[0].message.content.endswith("yes")


class Truth:
    """What really was, by split, step and source: rewards, and calls of the judge."""

    def __init__(self):
        self.rewards = defaultdict(list)

    def add(self, split, step, source, reward):
        self.rewards[f"{split} {step} {source}"].append(reward)

    def tell(self, server, **more):
        tokens = server.books.tokens()
        books = {"calls": len(server.books), "prompt": tokens.prompt, "completion": tokens.completion}
        sys.stdout.write(json.dumps({"rewards": self.rewards, "books": books, **more}) + "\n")


def served(environ):
    """A server that has begun, where the SDK looks for it."""
    server = LLMServer(reply).start()
    environ.update(OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="none")
    return server
