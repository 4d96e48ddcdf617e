"""The shelf of rollouts: what it finds by its indexes is what a look at every rollout finds."""

from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.session.shelf import Likeness, Shelf, fits, may_be_same

SIGNS = [("text", number, number) for number in range(4)]


def made(split, source, problem, signs):
    return OpenRollout(split, None, source, problem, signs=dict.fromkeys(signs))


rollouts = st.builds(
    made,
    st.sampled_from(["train", "train", "val"]),
    st.sampled_from([None, "GSM8K", "gsm8k", "mmlu"]),
    st.sampled_from([None, 1, 2]),
    st.lists(st.sampled_from(SIGNS), max_size=3, unique=True),
)
actions = st.lists(st.tuples(st.booleans(), rollouts, st.booleans(), st.integers(0, 20)), max_size=30)


def likeness(wanted, one, near):
    return Likeness(
        wanted.problem is not None and wanted.problem == one.problem,
        len(wanted.signs.keys() & one.signs.keys()),
        one is near,
        wanted.source is not None and one.source is not None,
    )


def looked_at(kept, wanted, near, *, other_words):
    """Return the best likeness of some rollouts, and the keys of those that have it."""
    found = [
        one
        for one in kept
        if (wanted.problem is not None and wanted.problem == one.problem)
        or wanted.signs.keys() & one.signs.keys()
        or one is near
    ]
    alike = [one for one in found if fits(wanted, one) and (other_words or may_be_same(wanted, one))]
    if not alike:
        return None
    most = max(likeness(wanted, one, near) for one in alike)
    return most, {one.key for one in alike if likeness(wanted, one, near) == most}


@given(actions)
def test_a_shelf_finds_what_a_look_at_all_would_find(todo):
    shelf, kept = Shelf(), []
    for is_asked, one, other_words, number in todo:
        if is_asked:
            near = kept[number % len(kept)] if kept and number % 2 and fits(one, kept[number % len(kept)]) else None
            found = shelf.like(one, near, other_words=other_words)
            expected = looked_at(kept, one, near, other_words=other_words)
            assert (found and (found.likeness, {rollout.key for rollout in found.rollouts})) == expected
        elif kept and number % 3 == 0:
            shelf.remove(kept.pop(number % len(kept)))
        else:
            shelf.add(one)
            kept.append(one)
    for one in kept:
        shelf.remove(one)
    assert not any((shelf._all, shelf._problems, shelf._sources, shelf._signs))
