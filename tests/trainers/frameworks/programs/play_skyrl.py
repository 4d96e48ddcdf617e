"""Two steps and a validation with SkyRL's own generator, evaluation and tracking; a toy tokenizer and no model."""

import asyncio
import itertools
import os
import pathlib
import site
import sys
from types import SimpleNamespace

import openai

sys.path += [str(pathlib.Path(folder) / "skyrl-gym") for folder in site.getsitepackages()]  # where its wheel has it

import skyrl_gym
from skyrl.train.config import GeneratorConfig, SkyRLGymConfig
from skyrl.train.generators.base import BatchMetadata, TrajectoryID
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator
from skyrl.train.trainer import RayPPOTrainer
from skyrl.train.utils.tracking import Tracking
from skyrl_gym.envs.base_text_env import BaseTextEnv

import llm_telemetry
from tests.trainers.frameworks.programs.asked import Truth, served, verdict_on

SERVER = served(os.environ)
TRUTH = Truth()
CLIENT = openai.OpenAI()
DRAWN = itertools.count()
STEP_WISE = "step-wise" in sys.argv
FIRST_TURN = 0.0 if STEP_WISE else 0.5
"""What a trajectory's first turn adds to its reward: SkyRL takes the last one's of a trajectory told step by step."""


@llm_telemetry.judge
def is_right(answer, source):
    messages = [{"role": "user", "content": f"{source}: {answer}?"}]
    said = CLIENT.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return said.choices[0].message.content.endswith("yes")


class Question(BaseTextEnv):
    """Two turns: half a point for having come to the second, and one for a right answer."""

    def __init__(self, env_config, extras):
        super().__init__()
        self.extras = extras

    def step(self, action):
        self.turns += 1
        if self.turns == 1:
            again = [{"role": "user", "content": "sure?"}]
            return {"observations": again, "reward": 0.5, "done": False, "metadata": {}}
        source = self.extras.get("data_source", "question")
        TRUTH.add(*self.extras["now"], source, FIRST_TURN + float(verdict_on(action)))
        reward = float(is_right(action, source))
        return {"observations": [], "reward": reward, "done": True, "metadata": {}}


class Tokenizer:
    """A token is a character."""

    eos_token, eos_token_id = "\0", 0
    chat_template = "characters"

    def encode(self, text, add_special_tokens=False):
        return [ord(one) for one in text]

    def decode(self, ids, skip_special_tokens=True):
        return "".join(map(chr, ids))

    def apply_chat_template(self, messages, *, tokenize=True, **_):
        text = "".join(f"<{one['role']}>{one['content']}\0" for one in messages)
        return self.encode(text) if tokenize else text


class Engine:
    """In place of the engines that generate."""

    model_name = "toy"
    weight_version = None

    async def generate(self, given, model=None):
        text = f"answer {next(DRAWN) % 10}"
        ids = [*(ord(one) for one in text), 0]
        more = {"response_logprobs": None, "rollout_expert_indices": None}
        return {"responses": [text], "response_ids": [ids], "stop_reasons": ["stop"], **more}

    async def finish_session(self, session):
        pass


def batch(phase, step):
    """What `prepare_generator_input` makes of a batch: two samples of each prompt."""
    split = "val" if phase == "eval" else "train"
    columns = [{"data_source": "sums"}, {"data_source": "capitals"}, {}]
    rows = [{**columns[i % len(columns)], "now": [split, step]} for i in range(len(columns)) for _ in range(2)]
    return {
        "prompts": [[{"role": "user", "content": "a question"}] for _ in rows],
        "env_classes": ["question"] * len(rows),
        "env_extras": rows,
        "sampling_params": {"max_generate_length": 16},
        "trajectory_ids": [TrajectoryID(f"{step}-{i // 2}", i % 2) for i in range(len(rows))],
        "batch_metadata": BatchMetadata(global_step=step, training_phase=phase),
    }


class Trainer(RayPPOTrainer):
    """The real one, of which only what rolls out and what validates is used."""

    def __init__(self, generator):
        self.generator = generator
        self.cfg = SimpleNamespace(generator=generator.generator_cfg)
        self.all_metrics = {}
        self.global_step = 0


async def evaluate(*, generator, global_step, **_):
    """In place of the function of that name, which wants a data loader and a whole configuration."""
    await generator.generate(batch("eval", global_step))
    return {"eval/all/avg_score": 1.0}


async def main():
    skyrl_gym.register(id="question", entry_point=Question)
    settings = GeneratorConfig(max_turns=2, max_input_length=512, step_wise_trajectories=STEP_WISE)
    trainer = Trainer(SkyRLGymGenerator(settings, SkyRLGymConfig(max_env_workers=4), Engine(), Tokenizer()))
    tracker = Tracking("project", "run", backend="console")
    for name in ("eval_dataloader", "tokenizer", "trajectory_logger"):
        setattr(trainer, name, None)
    trainer.tracker = tracker
    sys.modules["skyrl.train.trainer"].evaluate = evaluate
    tracker.log(await trainer.eval(), step=0, commit=True)
    for trainer.global_step in (1, 2):
        await trainer.generate(batch("train", trainer.global_step))
        if trainer.global_step == 2:
            trainer.all_metrics.update(await trainer.eval())
        tracker.log(trainer.all_metrics, step=trainer.global_step, commit=True)


asyncio.run(main())
CLIENT.close()
TRUTH.tell(SERVER)
