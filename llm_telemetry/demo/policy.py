"""A small policy that learns: for each source, a softmax over the workflow templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llm_telemetry.demo.data import SOURCES
from llm_telemetry.demo.workflows import DEFECTS, TEMPLATES, Template, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPSILON = 1e-6
_LARGEST_SEED = 2**31 - 8
_ROWS = {source: row for row, source in enumerate(SOURCES)}


class Action(NamedTuple):
    """One workflow that the policy wrote for one item."""

    source: str
    template: Template
    code: str
    seed: int
    """Of the workflow's first request; each further one counts it up."""


class Policy:
    """Chooses a template by the item's source, and learns from group-relative advantages."""

    def __init__(self, learning_rate: float, defect_rate: float) -> None:
        self.logits: NDArray[np.float64] = np.zeros((len(SOURCES), len(TEMPLATES)))
        self._learning_rate = learning_rate
        self._defect_rate = defect_rate

    def probabilities(self, source: str) -> NDArray[np.float64]:
        """Return the probability of each template for one source."""
        row = self.logits[_ROWS[source]]
        powers = np.exp(row - row.max())
        return np.asarray(powers / powers.sum(), dtype=np.float64)

    def act(self, source: str, rng: np.random.Generator, *, greedy: bool = False) -> Action:
        """Write a workflow: a drawn one, or the likeliest one."""
        chances = self.probabilities(source)
        index = int(chances.argmax()) if greedy else int(rng.choice(len(TEMPLATES), p=chances))
        is_defective = rng.random() < self._defect_rate
        defect = DEFECTS[int(rng.integers(len(DEFECTS)))] if is_defective else None
        seed = int(rng.integers(_LARGEST_SEED))
        return Action(source, TEMPLATES[index], write(TEMPLATES[index], seed, defect), seed)

    def update(self, actions: Sequence[Action], rewards: Sequence[float], group_size: int) -> dict[str, float]:
        """Take one policy-gradient step; consecutive `group_size` actions belong to the same item.

        Returns:
            The loss, the mean entropy of the policy in nats, and the spread of the advantages.

        """
        advantages = group_advantages(rewards, group_size)
        gradient = np.zeros_like(self.logits)
        loss = 0.0
        for action, advantage in zip(actions, advantages, strict=True):
            chances = self.probabilities(action.source)
            chosen = TEMPLATES.index(action.template)
            gradient[_ROWS[action.source]] += advantage * (np.eye(len(TEMPLATES))[chosen] - chances)
            loss -= float(advantage * np.log(chances[chosen])) / len(actions)
        self.logits += self._learning_rate * gradient / group_size
        return {"loss": loss, "entropy": self.entropy(), "advantage_std": float(advantages.std())}

    def entropy(self) -> float:
        """Return the mean entropy over the sources, in nats."""
        rows = [self.probabilities(source) for source in SOURCES]
        return float(np.mean([-(row * np.log(row)).sum() for row in rows]))


def group_advantages(rewards: Sequence[float], group_size: int) -> NDArray[np.float64]:
    """Return each reward's distance from its group's mean, in the group's standard deviations."""
    groups = np.asarray(rewards, dtype=np.float64).reshape(-1, group_size)
    centred = groups - groups.mean(axis=1, keepdims=True)
    return np.asarray(centred / (groups.std(axis=1, keepdims=True) + _EPSILON), dtype=np.float64).ravel()
