"""The agent of `play_agentlightning`: agent-lightning's controller runs it, each time in a process of its own."""

import os

import httpx
import openai

import llm_telemetry

JUDGE = os.environ.get("JUDGE_URL")


@llm_telemetry.judge
async def is_right(answer):
    """Ask the judge; what cannot be read is an error, as in many a reward function."""
    async with openai.AsyncOpenAI(base_url=JUDGE, api_key="none") as client:
        messages = [{"role": "user", "content": f"{answer}?"}]
        said = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    if "Verdict" not in said.choices[0].message.content:
        raise ValueError("the judge says nothing")
    return said.choices[0].message.content.endswith("yes")


class Agent:
    """It has one question, and tells its reward; where the judge fails it is 0."""

    async def run(self):
        question = os.environ["QUESTION"]
        async with openai.AsyncOpenAI(base_url=os.environ["AGL_OPENAI_BASE_URL"], api_key="none") as policy:
            messages = [{"role": "user", "content": question}]
            said = await policy.chat.completions.create(model="policy", messages=messages)
        if question.startswith("broken"):
            raise ConnectionError("no environment")
        try:
            reward = float(await is_right(said.choices[0].message.content))
        except ValueError:
            reward = 0.0
        async with httpx.AsyncClient() as client:
            event = {"event_type": "reward", "data": {"value": reward}}
            (await client.post(os.environ["AGL_EVENT_URL"], json=event)).raise_for_status()
