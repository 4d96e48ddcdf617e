"""pass@k: how likely one of k attempts at a problem is right, where attempts are known to be at one problem."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import takewhile
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.naming import name_all
from llm_telemetry.events import SPLITS, Split
from llm_telemetry.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Collection

    from llm_telemetry.events import Rollout
    from llm_telemetry.sources import SourceNames

MOST = 65536
"""Problems of one window that are kept, a few numbers each."""
TOO_MANY = "there are more than %d problems in one evaluation: pass@k is left out"

Tries = tuple[int, int]
"""Scored attempts at a problem, and those of them that are right."""


class AttemptsCollector:
    """Counts attempts by problem.

    Args:
        names: Shared between collectors that must agree on the names of sources.
        most: Problems of one window that are kept.
    """

    def __init__(self, names: SourceNames, most: int = MOST) -> None:
        self._names = names
        self._most = most
        self._tell = Notices()
        self._windows: dict[Split, dict[tuple[str, str | int | None], Tries]] = {split: {} for split in SPLITS}

    def add_rollout(self, rollout: Rollout, correct: bool | None) -> None:
        """Count an attempt, and whether it is correct; what is unscored is none."""
        window, problem = self._windows[rollout.split], (self._names(rollout.source), rollout.group)
        tries, right = window.get(problem, (0, 0))
        if len(window) <= self._most and (correct is not None or rollout.failed):
            window[problem] = tries + 1, right + (correct is True)

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return `…/pass@k` over all sources and of each, as it is named in training, since the last `begin`."""
        by_source: defaultdict[str, list[Tries]] = defaultdict(list)
        for (source, _), tries in self._windows[split].items():
            by_source[""].append(tries)
            by_source[source].append(tries)
        if len(by_source[""]) > self._most:
            self._tell(TOO_MANY, self._most)
            return {}
        if any(problem is None for _, problem in self._windows[split]):
            return {}  # attempts at they know not what
        return {
            key: value
            for source, problems in by_source.items()
            for k in _sizes(problems)
            for key, value in name_all({keys.PASS_AT: pass_at(k, problems)}, "train", source, k=str(k)).items()
        }

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        self._windows[split].clear()


def pass_at(k: int, problems: Collection[Tries]) -> float:
    """Return the mean probability that of k attempts, drawn from those at one problem, at least one is right."""
    return sum(1 - math.comb(tries - right, k) / math.comb(tries, k) for tries, right in problems) / len(problems)


def _sizes(problems: Collection[Tries]) -> list[int]:
    """Return 1, 2, 4, … as far as each problem has as many attempts; none where no problem was tried twice."""
    fewest = min((tries for tries, _ in problems), default=0)
    return list(takewhile(lambda k: k <= fewest, (2**i for i in range(16)))) if fewest > 1 else []
