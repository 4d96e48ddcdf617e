"""Hands out dataset items, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llm_telemetry.demo.items import SOURCES, Item, Split, load_items

if TYPE_CHECKING:
    from collections.abc import Iterator


class DataManager:
    """Hands out items, the sources in turn, so that a small batch sees them all.

    Training items come in a new random order each time that a source is used up. Validation begins at the
    same items each time, so that two validations compare.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._train = self._in_turn([self._shuffled(source) for source in SOURCES])

    def sample_batch(self, batch_size: int, split: Split) -> list[Item]:
        """Return `batch_size` items, each a new dict."""
        fixed = self._in_turn([self._ordered(source) for source in SOURCES])
        stream = fixed if split == "val" else self._train
        return [next(stream).copy() for _ in range(batch_size)]

    def _shuffled(self, source: str) -> Iterator[Item]:
        """Yield training items without end, in a new order each round."""
        items = load_items(source, "train")
        while True:
            for i in self._rng.permutation(len(items)):
                yield items[i]

    @staticmethod
    def _ordered(source: str) -> Iterator[Item]:
        """Yield validation items without end, always in the same order."""
        while True:
            yield from load_items(source, "val")

    @staticmethod
    def _in_turn(streams: list[Iterator[Item]]) -> Iterator[Item]:
        """Yield one item of each stream after the other, without end."""
        while True:
            for stream in streams:
                yield next(stream)
