"""Best of n: four candidates for each problem, each judged, and the best is taken; nothing is trained."""

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, ask

N = 4


def judge(problem, candidate, truth, source):
    said = ask(f"{problem} truth: {truth} candidate: {candidate}", JUDGE_MODEL, JUDGE)
    return "<true_false>True" in said


def best_of(item):
    candidates = [ask(item["problem"]) for _ in range(N)]
    return max(candidates, key=lambda one: judge(item["problem"], one, item["ground_truth"], item["source"]))


def main(_module=None):
    for item in ITEMS:
        best_of(item)


if __name__ == "__main__":
    main()
