"""Rollouts of which everything is known beforehand: what is answered, what the judge says, what fails, and where."""

import re
from typing import NamedTuple

import openai

from llm_telemetry.testing import Faults, LLMServer, Reply, Tokens

PROBLEMS, SAMPLES = 16, 4
PRICES = {"solver": {"input": 3, "output": 5}, "judge": {"input": 7, "output": 11}}
"""USD per million tokens."""


class Work(NamedTuple):
    """One rollout: an answer, the judge's replies in turn (`None` is an error of the server), and what comes of it."""

    problem: int
    sample: int
    answer: str
    replies: tuple
    outcome: str | None
    reward: float | None

    @property
    def source(self):
        return f"s{self.problem % 2}"

    @property
    def question(self):
        return f"what is {self.problem}?"


def _work(problem, sample):
    kind, right = problem % 8, f"right {'very ' * sample * problem}"
    wrong = f"wrong {'so ' * sample}{problem}"
    yes, no, odd = ("true",), ("false",), ("I had rather not say.",)
    failed = (right, (None,), "api_failure") if kind == 3 else (right, odd, "parse_failure")
    of_kind = {
        0: [(right, yes, "correct")] * 4,
        1: [(wrong, no, "incorrect")] * 4,
        2: [(right, yes, "correct")] * 2 + [(wrong, no, "incorrect")] * 2,
        3: [failed] + [(right, yes, "correct")] * 3,
        4: [failed] * 2 + [(right, yes, "correct")] * 2,
        5: [("the same", yes, "correct"), ("The  same", no, "incorrect")] + [(wrong, no, "incorrect")] * 2,
        6: [(":", yes, "correct"), ("Solution:", no, "incorrect")] + [(right, yes, "correct")] * 2,
        7: [(right, ("", "true"), "correct")] + [(wrong, no, "incorrect")] * 2 + [(wrong, (), None)],
    }
    answer, replies, outcome = of_kind[kind][sample]
    return Work(problem, sample, answer, replies, outcome, None if outcome is None else float(outcome == "correct"))


ALL = [_work(problem, sample) for problem in range(PROBLEMS) for sample in range(SAMPLES)]


def _asked(request):
    problem, sample = map(int, re.match(r"(\d+)/(\d+)", request.user).groups())
    return ALL[problem * SAMPLES + sample]


def serve():
    """An endpoint that solves and judges as it is planned, with tokens that tell the calls apart."""

    def answer(request):
        work = _asked(request)
        said = work.answer if request.model == "solver" else work.replies[min(request.turn, len(work.replies) - 1)]
        return Reply(said, tokens=Tokens(prompt=100 + 10 * work.problem + work.sample, completion=1 + work.sample))

    def faults(request):
        fails = request.model == "judge" and _asked(request).replies[0] is None
        return Faults(server_error=1.0, exhausted=1.0) if fails else Faults()

    return LLMServer(answer, faults=faults, mark=lambda r: {"work": _asked(r), "role": r.model})


class Executor:
    def __init__(self, url):
        self.client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)

    def execute_workflow(self, problem, number, sample):
        asked = [{"role": "user", "content": f"{number}/{sample}: {problem}"}]
        said = self.client.chat.completions.create(model="solver", messages=asked).choices[0].message.content
        return said, 0.0, {"success": ALL[number * SAMPLES + sample].outcome is not None}


class RewardComputer:
    def __init__(self, url):
        self.llm_judge_client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)

    def compute_reward(self, *, problem, prediction, ground_truth, number, sample):
        return float(self._llm_judge_compare(problem, prediction, ground_truth, number, sample))

    def _llm_judge_compare(self, problem, prediction, ground_truth, number, sample):
        asked = [{"role": "user", "content": f"{number}/{sample}: is {prediction!r} what {problem!r} asks for?"}]
        for _ in range(2):
            try:
                reply = self.llm_judge_client.chat.completions.create(model="judge", messages=asked)
            except openai.APIError:
                return False
            if said := reply.choices[0].message.content:
                return "true" in said
        return False


class Trainer:
    """Does its rollouts in a step as `way` says."""

    def __init__(self, url, way):
        self.executor, self.reward_computer, self.way = Executor(url), RewardComputer(url), way

    def rollout(self, work):
        answer, _, metadata = self.executor.execute_workflow(work.question, work.problem, work.sample)
        if metadata["success"]:
            given = {"number": work.problem, "sample": work.sample}
            self.reward_computer.compute_reward(problem=work.question, prediction=answer, ground_truth="right", **given)

    def train_step(self, step):
        self.sample_batch([{"problem": work.question, "source": work.source} for work in ALL])
        self.way(self.rollout)

    def sample_batch(self, items):
        return items


def exact_match(item, answer):
    """A rule beside the judge: known where the answer begins with a word for it."""
    return {"right": True, "wrong": False}.get(answer.partition(" ")[0])
