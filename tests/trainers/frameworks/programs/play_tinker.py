"""Two steps and two validations with tinker-cookbook's own rollouts, evaluators and loggers; no model."""

import asyncio
import itertools
import os
import pathlib
import sys
from types import SimpleNamespace

import tinker
from tinker_cookbook.rl import rollouts, train
from tinker_cookbook.rl.metric_util import RLTestSetEvaluator
from tinker_cookbook.rl.rollout_strategy import RetryOnFailure
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, StepResult
from tinker_cookbook.utils import ml_log

from tests.trainers.frameworks.programs.asked import Truth, is_right, served, verdict_on

SERVER = served(os.environ)
TRUTH = Truth()
DRAWN = itertools.count()
NOW = []


class Question(Env):
    def __init__(self, source):
        self.source = source

    async def initial_observation(self):
        return tinker.ModelInput.from_ints([1, 2]), []

    async def step(self, action, *, extra=None):
        if action[0] == 5 and self.source == "capitals":
            raise ConnectionError("the environment is gone")
        reward = float(await is_right(f"answer {action[0]}", self.source))
        return StepResult(reward, True, tinker.ModelInput.from_ints([]), [])


class Questions(EnvGroupBuilder):
    def __init__(self, source):
        self.source = source

    async def make_envs(self):
        return [Question(self.source) for _ in range(4)]

    async def compute_group_rewards(self, trajectory_group, env_group):
        bonus = 0.5 if self.source == "sums" else 0.0
        for one in trajectory_group:
            TRUTH.add(*NOW, self.source, float(verdict_on(str(one.transitions[0].ac.tokens[0]))) + bonus)
        return [(bonus, {}) for _ in trajectory_group]

    def logging_tags(self):
        return [self.source, "all"]


class Policy:
    """In place of a `tinker.SamplingClient`."""

    async def sample(self, prompt, num_samples, sampling_params):
        one = SimpleNamespace(tokens=[next(DRAWN) % 10], logprobs=[0.0], stop_reason="stop", sequence_id="1")
        return SimpleNamespace(sequences=[one], prompt_cache_hit_tokens=0)

    sample_async = sample


class Batches:
    def __init__(self, *sources):
        self.sources = sources

    def get_batch(self, _index):
        return [Questions(source) for source in self.sources]

    def __len__(self):
        return 1


async def main(folder):
    logger = ml_log.setup_logging(str(folder), do_configure_logging_module=False)
    evaluators = [RLTestSetEvaluator(Batches(source), 8, name=source) for source in ("sums", "letters")]
    settings = SimpleNamespace(log_path=str(folder), num_groups_to_log=0, rollout_json_export=False)
    for step in range(2):
        NOW[:] = ["val", step]
        metrics = await train.run_evaluations_parallel(evaluators, Policy(), settings, step)
        NOW[:] = ["train", step]
        strategy = RetryOnFailure(max_retries=1)
        await asyncio.gather(
            *(
                rollouts.do_group_rollout_and_filter_constant_reward(
                    Policy(), group, 8, 1.0, do_remove_constant_reward_groups=False, strategy=strategy
                )
                for group in Batches("sums", "capitals").get_batch(0)
            )
        )
        logger.log_metrics({"progress/batch": step, **metrics}, step=step)
    logger.log_metrics({"final": 1.0}, step=2)
    logger.close()


asyncio.run(main(pathlib.Path(sys.argv[1])))
TRUTH.tell(SERVER)
