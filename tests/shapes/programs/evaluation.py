"""An evaluation without any training: a script asks the model about each item, and a judge about each answer."""

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, ask


def rollout(item):
    return ask(item["problem"])


def llm_judge(problem, response, truth):
    said = ask(f"{problem} truth: {truth} candidate: {response}", JUDGE_MODEL, JUDGE)
    return "<true_false>True" in said


def score_answer(item, response):
    return float(llm_judge(item["problem"], response, item["ground_truth"]))


def evaluate(items):
    return sum(score_answer(item, rollout(item)) for item in items) / len(items)


def main(_module=None):
    evaluate(ITEMS)


if __name__ == "__main__":
    main()
