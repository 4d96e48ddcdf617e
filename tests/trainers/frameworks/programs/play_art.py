"""Two steps and a validation with ART's own groups, RULER and `Model.log`; no backend."""

import asyncio
import itertools
import re
import sys

import art
from art.rewards import ruler_score_group

from llm_telemetry.testing import LLMServer
from tests.trainers.frameworks.programs.asked import Truth

TRUTH = Truth()
DRAWN = itertools.count()


def score_of(digit):
    return int(digit) / 9


def reply(request):
    """RULER's answer: a score for each trajectory; one group in five gets none."""
    said = re.findall(r"answer (\d)", request.user)
    if "spoil" in request.user:
        return "I would rather not."
    scores = ", ".join(
        f'{{"trajectory_id": "{i}", "explanation": "", "score": {score_of(digit)}}}' for i, digit in enumerate(said, 1)
    )
    return f'{{"scores": [{scores}]}}'


SERVER = LLMServer(reply).start()
JUDGE = {"api_base": SERVER.base_url, "api_key": "none"}


async def play(source, text):
    if source == "broken":
        raise ConnectionError("no environment")
    said = [{"role": "user", "content": text}, {"role": "assistant", "content": f"answer {next(DRAWN) % 10}"}]
    return art.Trajectory(messages_and_choices=said, metadata={"data_source": source})


async def judge(group):
    return await ruler_score_group(group, "openai/gpt-4o-mini", extra_litellm_params=JUDGE, swallow_exceptions=True)


async def gathered(split, step, *sources):
    groups = await art.gather_trajectory_groups(
        (art.TrajectoryGroup(play(source, source) for _ in range(3)) for source in sources),
        after_each=judge,
        max_exceptions=10,
        pbar_desc=None,
    )
    for group in groups:
        for one in group.trajectories:
            digit = one.messages_and_choices[-1]["content"][-1]
            TRUTH.add(split, step, one.metadata["data_source"], score_of(digit))
    return groups


async def main(folder):
    model = art.TrainableModel(
        name="m", project="p", base_model="toy", base_path=folder, report_metrics=[], run_name="m"
    )
    for step in (1, 2):
        groups = await gathered("train", step, "sums", "capitals", "spoil")
        late = [art.TrajectoryGroup([ConnectionError("no environment")])] if step == 1 else []
        await model.log([*groups, *late], split="train", metrics={"loss": 0.5}, step=step)
    await model.log(await gathered("val", 2, "sums"), split="val", step=2)


asyncio.run(main(sys.argv[1]))
TRUTH.tell(SERVER, outcomes={"success": 5 * 3, "failure": 2 * 3})
SERVER.close()
