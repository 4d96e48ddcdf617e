"""The reward function of `play_openrlhf`: OpenRLHF loads this file in the actors of its engines."""

import openai
import torch


def llm_judge(prompt, response):
    """Ask the judge; an answer that cannot be read is an error."""
    with openai.OpenAI() as client:
        messages = [{"role": "user", "content": f"{prompt}{response}"}]
        said = client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content
    if said not in ("yes", "no"):
        raise ValueError("the judge says nothing")
    return said == "yes"


def reward_func(queries, prompts, labels):
    rewards = torch.tensor([float(llm_judge(p, q.removeprefix(p))) for q, p in zip(queries, prompts, strict=True)])
    return {"rewards": rewards, "scores": rewards, "extra_logs": {"labelled": float(len(labels))}}
