"""verl's own reward loop, its workers in Ray's processes, and its log, without its trainer: `python -m … TOKENIZER`."""

import sys

import ray
from verl.experimental.reward_loop import RewardLoopManager
from verl.utils.tracking import Tracking

from tests.trainers.verl.toy import ROWS, batch, config


def main(tokenizer):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    manager = RewardLoopManager(config(tokenizer))
    tracking = Tracking("toy", "run", ["file"])
    for step in (1, 2):
        scores = manager.compute_rm_score(batch(ROWS)).batch["rm_scores"].sum(-1)
        tracking.log({"critic/score/mean": float(scores.mean())}, step)


if __name__ == "__main__":
    main(*sys.argv[1:])
