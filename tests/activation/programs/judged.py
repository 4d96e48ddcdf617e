"""An evaluation of answers that are there: the first call is made in a reward function, by a client of its own."""

import openai
from shapes import ITEM, URL


def compute_reward(problem, prediction, ground_truth, source):
    client = openai.OpenAI(base_url=URL, api_key="k", max_retries=0)
    said = client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": prediction}])
    return 1.0 if said.choices else 0.0


for answer in ("3", "4", "5"):
    compute_reward(prediction=answer, **ITEM)
