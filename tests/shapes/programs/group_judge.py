"""As ART with RULER: a judge is shown a whole group of trajectories, and notes each one's reward in it."""

from dataclasses import dataclass

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


@dataclass
class Trajectory:
    scenario: dict
    said: str
    reward: float | None = None


class Trainer:
    def rollout(self, scenario):
        return Trajectory(scenario, ask(scenario["problem"]))

    def score_group(self, group):
        for trajectory in group:
            trajectory.reward = float(is_right(trajectory.said, trajectory.scenario["ground_truth"]))

    def train_step(self, step):
        for scenario in ITEMS:
            self.score_group([self.rollout(scenario) for _ in range(4)])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
