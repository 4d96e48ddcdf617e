"""What every program here trains on: eight problems of two datasets, a model to ask, a judge to ask.

The model is right about three of four problems of gsm8k, and about one of four of math.
"""

import functools
import os

import openai

MODEL, JUDGE_MODEL = "gpt-4o-mini", "gpt-4.1-mini"
JUDGE = "You are a strict judge."
STEPS = 2
ITEMS = [
    {"problem": f"What is {i} times {factor}?", "ground_truth": str(i * factor), "source": source}
    for source, factor in (("gsm8k", 7), ("math", 13))
    for i in (2, 3, 4, 5)
]
"""The items of one step."""
RIGHT = {"gsm8k": 3, "math": 1}
"""So many of the four are answered rightly."""


def is_easy(item):
    """Tell whether the model's answer to this item is right."""
    number = ITEMS.index(item) % 4
    return number < RIGHT[item["source"]]


@functools.cache
def client(url):
    """Return the client of the scripted server."""
    return openai.OpenAI(base_url=url, api_key="any", max_retries=1)


def ask(prompt, model=MODEL, system="You solve problems."):
    """Ask, and return the text of the answer."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    said = client(os.environ["SHAPES_URL"]).chat.completions.create(model=model, messages=messages)
    return said.choices[0].message.content


async def ask_async(prompt, model=MODEL):
    """Ask without blocking."""
    async with openai.AsyncOpenAI(base_url=os.environ["SHAPES_URL"], api_key="any") as asking:
        messages = [{"role": "user", "content": prompt}]
        return (await asking.chat.completions.create(model=model, messages=messages)).choices[0].message.content


def number_in(text):
    """Return the last number in a text."""
    return "".join(c if c.isdigit() else " " for c in text).split()[-1]


def is_right(answer, ground_truth):
    """Compare an answer by its last number."""
    return number_in(answer) == ground_truth
