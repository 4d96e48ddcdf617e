"""A training made of plain functions: all rollouts first, then all rewards, each by a judge."""

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, STEPS, ask


def rollout(item):
    return ask(item["problem"])


def judge_answer(problem, answer, truth):
    said = ask(f"{problem} truth: {truth} candidate: {answer}", JUDGE_MODEL, JUDGE)
    return "<true_false>True" in said


def compute_reward(item, answer):
    return 1.0 if judge_answer(item["problem"], answer, item["ground_truth"]) else 0.0


def train_step(step):
    answers = [rollout(item) for item in ITEMS]
    return [compute_reward(item, answer) for item, answer in zip(ITEMS, answers, strict=True)]


def main(_module=None):
    for step in range(1, STEPS + 1):
        train_step(step)


if __name__ == "__main__":
    main()
