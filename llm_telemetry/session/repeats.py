"""Tells a reward that is computed again, where there is no executor, from that of another sample that says the same.

The texts alone do not tell. What does: a long text that is the same object, or that no LLM call has given an answer
that is not rewarded yet. Both would be new rollouts otherwise, twice as many as there are.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from llm_telemetry.events import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_telemetry.events import Event, Split
    from llm_telemetry.notices import Notices
    from llm_telemetry.session.rollouts import OpenRollout

_LONG = 16
"""Characters. A shorter text, a letter or a number, may be one object for many answers."""
REPEATED = (
    "the same answer to the same problem was rewarded again, and no LLM call has given it anew: it counts as one "
    "rollout. If it was another sample, tell executor=…, or give the reward function the trajectory"
)
UNCLEAR = (
    "the same answer to the same problem was rewarded again, and nothing tells whether it is another sample: it counts "
    "as a rollout of its own. If it is not, tell executor=…, or give the reward function the trajectory"
)


class Answers:
    """The answers that were rewarded since the last payload, and how many the model has given since.

    Args:
        tell: Says something in the log, once.
        waiting: Returns the events that are not booked yet.
    """

    def __init__(self, tell: Notices, waiting: Callable[[], Iterable[Event]]) -> None:
        self._tell = tell
        self._waiting = waiting
        self.given: Counter[Split] = Counter()
        """How many the calls have given that are booked; a judge's are no answers."""
        self._rewarded: Counter[Split] = Counter()
        self._known: dict[tuple[object, ...], deque[OpenRollout]] = {}
        """By problem and words; the rollout that was rewarded last stands last."""

    def opened(self, rollout: OpenRollout) -> None:
        """Know the answer of a rollout that its reward has opened."""
        self._rewarded[rollout.split] += 1
        if rollout.said is not None:
            self._known.setdefault(_place(rollout), deque()).append(rollout)

    def before(self, wanted: OpenRollout) -> OpenRollout | None:
        """Return the rollout whose reward this is once more; `None` for another answer."""
        alike = self._known.get(_place(wanted)) if wanted.said is not None else None
        if not alike:
            return None
        same = next((one for one in alike if one.said is wanted.said and len(one.said or "") >= _LONG), None)
        waiting = sum(_answers(event) for event in self._waiting() if event.split == wanted.split)
        given = self.given[wanted.split] + waiting
        if same is None and 0 < given <= self._rewarded[wanted.split]:
            self._tell(REPEATED)
            alike.rotate(-1)
            return alike[-1]
        if same is None and not given:
            self._tell(UNCLEAR)
        return same

    def forget(self, split: Split) -> None:
        """Begin a new window."""
        del self.given[split], self._rewarded[split]
        self._known = {place: alike for place, alike in self._known.items() if place[0] != split}


def _answers(event: Event) -> int:
    return event.answers if isinstance(event, Call) and event.role != "judge" else 0


def _place(rollout: OpenRollout) -> tuple[object, ...]:
    return rollout.split, rollout.source, rollout.problem, rollout.said
