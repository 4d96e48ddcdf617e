"""A user's file of reward functions, as `reward.custom_reward_function.path` names it."""

import openai

MODEL = "gpt-4o-mini"


def text_of(solution, truth):
    return [{"role": "user", "content": f"judge: is {solution} the same as {truth}, yes or no?"}]


def llm_judge(solution, truth):
    with openai.OpenAI(max_retries=0) as client:
        made = client.chat.completions.create(model=MODEL, messages=text_of(solution, truth))
    return made.choices[0].message.content == "yes"


async def llm_judge_async(solution, truth):
    async with openai.AsyncOpenAI(max_retries=0) as client:
        made = await client.chat.completions.create(model=MODEL, messages=text_of(solution, truth))
    return made.choices[0].message.content == "yes"


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return float(llm_judge(solution_str, ground_truth))


async def compute_score_async(data_source, solution_str, ground_truth, extra_info=None):
    right = await llm_judge_async(solution_str, ground_truth)
    return {"score": float(right), "acc": right}


def compute_score_fragile(data_source, solution_str, ground_truth, extra_info=None):
    """Return other keys where the judge says nothing."""
    with openai.OpenAI(max_retries=0) as client:
        made = client.chat.completions.create(model=MODEL, messages=text_of(solution_str, ground_truth))
    said = made.choices[0].message.content
    return {"score": float(said == "yes"), "reason": said} if said else {"score": 0.0}


def compute_score_scoreless(data_source, solution_str, ground_truth, extra_info=None):
    return {"error": "no judge"}
