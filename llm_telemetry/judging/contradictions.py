"""A reward for what the judge has called wrong: once may be a rule's word against the judge's, often is a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRADICTS = (
    "%d of the %d rollouts that the judge has called incorrect so far got a reward of %g or more. The "
    "reward may not follow the judge, or the judge is asked what is wrong: then judge_inverted=True reads it right."
)
_LEAST = 20
_SHARE = 0.5


class Contradictions:
    """Holds rewards against the verdicts of their rollouts, and tells once when they often differ.

    Args:
        threshold: The reward from which on a rollout is correct; with a function of the user's, 1.
    """

    def __init__(self, threshold: float | Callable[[float], object]) -> None:
        self._threshold = 1.0 if callable(threshold) else threshold
        self._incorrect = 0
        self._rewarded = 0
        self._tell = Notices()

    def add(self, verdict: bool | None, reward: float | None) -> None:
        """Take what the judge has said of a rollout, `None` if nothing, and its reward."""
        if verdict is not False or reward is None:
            return
        self._incorrect += 1
        self._rewarded += reward >= self._threshold
        if self._incorrect >= _LEAST and self._rewarded >= _SHARE * self._incorrect:
            self._tell(CONTRADICTS, self._rewarded, self._incorrect, self._threshold)
