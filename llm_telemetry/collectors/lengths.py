"""What the length of an answer has to do with what a judge says of it.

The correlation is the point-biserial one, of right or wrong with the logarithm of the length. It needs sums alone, so
it merges exactly over threads, processes and steps; a rank correlation needs all lengths. The logarithm keeps a few
long answers from deciding it, as ranks would.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, ratio
from llm_telemetry.collectors.naming import Key, name_all, name_by_source
from llm_telemetry.events import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llm_telemetry.events import Evaluation, Outcome, Split
    from llm_telemetry.sources import SourceNames

_UNIT = 1024
"""Of a doubling of the length: whole numbers, whose sums are the same in any order."""
_BUCKET = 128
"""Of these units: lengths that differ by less than 9 % share a bucket."""
_FEWEST = 3
_MOST_LENGTHS = 4096
"""That wait to be added up."""


@dataclass(slots=True)
class LengthSums(Sums):
    """Binary verdicts, and the logarithms of the lengths of what was judged."""

    verdicts: int = 0
    right: int = 0
    length: int = 0
    length_squares: int = 0
    length_of_right: int = 0

    def add(self, lengths: Sequence[int], right: bool) -> None:
        """Add verdicts, all of which say right or all wrong, on answers of these lengths."""
        count, whole = len(lengths), sum(lengths)
        self.verdicts += count
        self.length += whole
        self.length_squares += sum(map(operator.mul, lengths, lengths))
        if right:
            self.right += count
            self.length_of_right += whole


def units_of(lengths: Iterable[int]) -> list[int]:
    """Return the logarithms of lengths in characters, in whole units."""
    return [round(_UNIT * math.log2(1 + characters)) for characters in lengths]


class LengthCollector:
    """Adds up verdicts by source, and parse failures by length.

    Args:
        names: Shared between collectors that must agree on the names of sources.
    """

    def __init__(self, names: SourceNames) -> None:
        self._names = names
        self._told: dict[Split, defaultdict[tuple[str, Outcome], list[int]]] = {
            split: defaultdict(list) for split in SPLITS
        }
        """By source and outcome: the lengths in characters that are not added up yet."""
        self._waiting: Counter[Split] = Counter()
        """How many these are."""
        self._verdicts: dict[Split, defaultdict[str, LengthSums]] = {split: defaultdict(LengthSums) for split in SPLITS}
        self._asked: dict[Split, Counter[int]] = {split: Counter() for split in SPLITS}
        self._unparsed: dict[Split, Counter[int]] = {split: Counter() for split in SPLITS}

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Take a final evaluation; it is added up later."""
        judged, split = evaluation.judged, evaluation.split
        if judged is not None:
            self._told[split][evaluation.source, evaluation.outcome].append(judged.length)
            self._waiting[split] = waiting = self._waiting[split] + 1
            if waiting > _MOST_LENGTHS:
                self._add_up(split)

    def _add_up(self, split: Split) -> None:
        for (source, outcome), characters in self._told[split].items():
            if outcome in ("undecided", "api_failure"):
                continue
            lengths = units_of(characters)
            buckets = [length // _BUCKET for length in lengths]
            self._asked[split].update(buckets)
            if outcome == "parse_failure":
                self._unparsed[split].update(buckets)
            elif outcome != "score":
                self._verdicts[split][self._names(source)].add(lengths, outcome == "correct")
        self._told[split].clear()
        del self._waiting[split]

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the keys since the last `begin`."""
        self._add_up(split)
        if not self._asked[split]:
            return {}
        window = self._verdicts[split]
        logs = name_by_source({source: _describe([sums]) for source, sums in window.items()}, split)
        thirds = thirds_of(self._asked[split], self._unparsed[split])
        rates = dict(zip((keys.UNPARSED_SHORT, keys.UNPARSED_MEDIUM, keys.UNPARSED_LONG), thirds, strict=False))
        return logs | name_all(_describe(window.values()), split) | name_all(rates, split)

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        for counts in (self._told, self._verdicts, self._asked, self._unparsed):
            counts[split].clear()
        del self._waiting[split]


def _describe(sources: Iterable[LengthSums]) -> dict[Key, float | None]:
    parts = list(sources)
    return {
        keys.LENGTH_CORRELATION: correlation(parts),
        keys.LENGTH_PAIRS: sum(sums.verdicts for sums in parts) or None,
    }


def correlation(sources: Iterable[LengthSums]) -> float | None:
    """Return the correlation within sources, -1 to 1; `None` where all lengths, or all verdicts, are the same.

    A source with long answers that are mostly wrong must not look like a judge that dislikes length, so each source's
    own means are taken off first.
    """
    verdicts, together, lengths, rights = 0, 0.0, 0.0, 0.0
    for sums in sources:
        if sums.verdicts:
            verdicts += sums.verdicts
            together += (sums.length_of_right * sums.verdicts - sums.right * sums.length) / sums.verdicts
            lengths += (sums.length_squares * sums.verdicts - sums.length**2) / sums.verdicts
            rights += sums.right * (sums.verdicts - sums.right) / sums.verdicts
    if verdicts < _FEWEST or not lengths or not rights:
        return None
    return max(-1.0, min(1.0, together / math.sqrt(lengths * rights)))


def thirds_of(asked: Counter[int], unparsed: Counter[int]) -> list[float | None]:
    """Return the share of parse failures in the shortest, the middle and the longest third of the answers.

    Lengths of one bucket stay together, in the third in which most of them lie.
    """
    buckets = sorted(asked)
    reached = [0, *accumulate(map(asked.__getitem__, buckets))]
    whole = reached[-1]
    if whole < _FEWEST:
        return [None, None, None]
    middles = list(map(operator.add, reached, reached[1:]))  # each twice
    ends = pairwise(bisect_left(middles, -(-2 * third * whole // 3)) for third in range(4))
    failed = [unparsed[bucket] for bucket in buckets] if unparsed else []
    return [ratio(sum(failed[a:b]), reached[b] - reached[a]) for a, b in ends]
