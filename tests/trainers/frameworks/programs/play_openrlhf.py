"""Two steps and two evaluations with OpenRLHF's own trainer, samples generator and agents, on Ray; no model.

vLLM, DeepSpeed and FlashAttention are stood in for by modules without content, which `test_openrlhf` writes.
"""

import itertools
import pathlib
import sys
from types import SimpleNamespace

import ray
import torch
from openrlhf.datasets import PromptDataset
from openrlhf.trainer.ppo_trainer import BasePPOTrainer, PPOTrainer
from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator
from openrlhf.trainer.ray.vllm_engine import RolloutRayActor
from openrlhf.utils.agent import SingleTurnAgentExecutor
from torchdata.stateful_dataloader import StatefulDataLoader

SCORES = pathlib.Path(__file__).with_name("scores.py")
TRAINED = [("sums", "s1 "), ("sums", "s2 "), ("capitals", "c1 ")] * 2
HELD = [("held", "h1 "), ("held", "h2 ")]


def class_of(actor):
    """The class that `ray.remote` was put on."""
    return actor.__ray_metadata__.modified_class.__ray_actor_class__


class Tokenizer:
    """A token is a character."""

    def __call__(self, text, **_):
        return {"input_ids": torch.tensor([[ord(one) for one in text]])}

    def decode(self, ids, **_):
        return "".join(map(chr, ids))


@ray.remote
class Engine(class_of(RolloutRayActor)):
    """Its work is its own; a digit is what it generates: the next one, for each prompt."""

    async def __init__(self, function):
        self.executor = SingleTurnAgentExecutor(function)
        self.drawn = {}

    async def generate(self, prompt_token_ids, sampling_params, multi_modal_data=None):
        digits = self.drawn.setdefault(tuple(prompt_token_ids), itertools.count())
        token_ids = [ord(str(next(digits)))]
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=token_ids, finish_reason="stop", logprobs=None)])

    def get_num_unfinished_requests(self):
        return 0


@ray.remote
class Trainer(class_of(PPOTrainer)):
    """Its `fit` and `evaluate`, and its log, are its own; there is nothing to train."""

    def __init__(self, args, engines):
        strategy = SimpleNamespace(args=args, is_rank_0=lambda: False)
        loaders = [self.loader(rows, strategy) for rows in (TRAINED, HELD)]
        self.prompts_dataloader, self.eval_dataloader = loaders
        self.generate_kwargs = {"max_len": 64, "max_new_tokens": 1}
        self.samples_generator = SamplesGenerator(strategy, *loaders, Tokenizer(), engines)
        BasePPOTrainer.__init__(self, strategy, None, None, None, None, engines, Tokenizer())

    def loader(self, rows, strategy):
        dataset = PromptDataset([{"datasource": one, "input": text} for one, text in rows], None, strategy)
        return StatefulDataLoader(dataset, batch_size=1, collate_fn=dataset.collate_fn)

    def train_step(self, rollout_samples, global_step):
        return {"rollout/num_samples": float(len(rollout_samples))}, global_step + 1


def arguments(folder):
    some = SimpleNamespace
    return some(
        actor=some(),
        algo=some(
            advantage=some(estimator="reinforce", is_correction_level="off"),
            dynamic_filtering_enable=False,
            kl=some(target=None, init_coef=0.0),
        ),
        ckpt=some(best_metric_key="none", load_enable=False, path=str(folder), save_steps=float("inf")),
        data=some(input_key="input"),
        eval=some(n_samples_per_prompt=1, steps=1, temperature=0.5),
        logger=some(logging_steps=1, tensorboard_dir=str(folder), wandb=some(key=None, run_name="run")),
        reward=some(remote_url=[str(SCORES)]),
        rollout=some(batch_size=3, n_samples_per_prompt=2, vllm_generate_batch_size=3),
        train=some(num_episodes=1),
        vllm=some(enable_sleep=False),
    )


if __name__ == "__main__":
    ray.init(num_cpus=4, include_dashboard=False)
    args = arguments(pathlib.Path(sys.argv[1]))
    engines = [Engine.remote(args.reward.remote_url)]
    ray.get(Trainer.remote(args, engines).fit.remote())
    ray.shutdown()
