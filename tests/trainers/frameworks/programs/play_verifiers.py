"""An evaluation over two environments of verifiers: its episodes, tasks and judges, and no agent that runs a model."""

import asyncio
import itertools
import os
import re
import sys
from types import ModuleType, SimpleNamespace

import verifiers.v1 as vf
from verifiers.v1.configs.agent import AgentConfig
from verifiers.v1.envs.single_agent.env import SingleAgentEnv, SingleAgentEnvConfig
from verifiers.v1.errors import TaskError
from verifiers.v1.judges.reference import ReferenceJudgeConfig
from verifiers.v1.trace import AgentInfo, Trace, TraceTask

from llm_telemetry.testing import LLMServer
from tests.trainers.frameworks.programs.asked import Truth, verdict_on

TRUTH = Truth()
DRAWN = itertools.count()
os.environ["JUDGE_KEY"] = "none"


def reply(request):
    """What judges say; of the answer that ends in 7 nothing that can be read."""
    digit = re.search(r"answer (\d)", request.user)[1]
    return "I cannot tell" if digit == "7" else "yes" if verdict_on(digit) else "no"


SERVER = LLMServer(reply).start()
HERE = {"base_url": SERVER.base_url, "api_key_var": "JUDGE_KEY", "model": "gpt-4o-mini"}


class Data(vf.TaskData):
    answer: str = "right"


class OwnJudge(vf.Judge[bool]):
    prompt = "{question}: is {response} right, yes or no?"

    def parse(self, response):
        return response.text == "yes"


class Question(vf.Task[Data, vf.State, vf.TaskConfig]):
    """One that asks a judge of its own."""

    @vf.reward
    async def correct(self, trace) -> float:
        judge = OwnJudge(vf.JudgeConfig(**HERE))
        said = await judge.evaluate(trace=trace, question=self.data.prompt_text, response=trace.last_reply)
        return float(said.parsed)


class Plain(vf.Task[Data, vf.State, vf.TaskConfig]):
    """One that is judged by what is plugged into it."""


class Sums(vf.Taskset[Question, vf.TasksetConfig]):
    def load(self):
        return [Question(Data(prompt=f"sum {i}")) for i in range(2)]


class Capitals(vf.Taskset[Plain, vf.TasksetConfig]):
    def load(self):
        judged = vf.TaskConfig(judges=[ReferenceJudgeConfig(**HERE)])
        return [Plain(Data(prompt=f"capital {i}"), judged) for i in range(2)]


for taskset in (Sums, Capitals):  # as if each were an installed package
    name = taskset.__name__.lower()
    sys.modules[name] = module = ModuleType(name)
    module.__all__, module.__dict__[taskset.__name__] = [taskset.__name__], taskset


class Env(SingleAgentEnv):
    """Its agent has an answer at once."""

    def _episode_agents(self, ctx, completed, on_trace, on_discard):
        async def run(task):
            told = TraceTask(type=type(task).__name__, data=task.data, key=task.key, hash=task.hash)
            trace = Trace(task=told, state=vf.State(), agent=AgentInfo(config=AgentConfig()))
            digit = next(DRAWN) % 10
            trace.root_reply = f"answer {digit}"
            completed.append(trace)
            try:
                await task.score(trace)
            except TaskError as error:
                trace.record_error(error)
            trace.ok = not trace.errors
            if trace.ok:
                TRUTH.add("eval", 0, self.config.env_id, float(digit != 7 and verdict_on(str(digit))))

        return SimpleNamespace(agent=SimpleNamespace(run=run))


async def main():
    for name in ("sums", "capitals"):
        env = Env(SingleAgentEnvConfig(taskset={"id": name}))
        slots = [slot for task in env.taskset for slot in env.slots(task, 5)]
        await asyncio.gather(*(env.run_slot(slot, SimpleNamespace()) for slot in slots))


asyncio.run(main())
TRUTH.tell(SERVER, outcomes={"success": 18, "failure": 2})
SERVER.close()
