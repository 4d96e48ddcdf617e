"""A loop in the main program, no trainer: the model is asked, a function rewards, each row that is logged is a step."""

import wandb

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


def compute_reward(problem, response, truth, source):
    return float(is_right(response, truth))


def main(_module=None):
    run = wandb.init(project="shapes")
    for step in range(1, STEPS + 1):
        rewards = []
        for item in ITEMS:
            said = ask(item["problem"])
            rewards.append(compute_reward(item["problem"], said, item["ground_truth"], item["source"]))
        run.log({"reward": sum(rewards) / len(rewards)}, step=step)
    run.finish()


if __name__ == "__main__":
    main()
