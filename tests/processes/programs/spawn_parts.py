"""The parts of a trainer, in a module that spawned children import."""

import os

import openai


class Executor:
    def execute(self, problem):
        with openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="k") as client:
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": problem}], temperature=0
            )
        return "4"


def ask_judge(problem, prediction):
    """A plain judge function, which the pool's workers call; it does not ask the model."""
    return prediction == "4"


class RewardComputer:
    def compute_reward(self, *, problem, prediction):
        return float(ask_judge(problem, prediction))


def execute(problem):
    return Executor().execute(problem)


def judge(problem):
    return ask_judge(problem, "5")
