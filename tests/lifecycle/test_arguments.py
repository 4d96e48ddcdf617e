"""What arguments are by their names: looked up once, and the same for all values."""

from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.lifecycle.arguments import first_text, names_of

NAMES = ["prediction", "answer", "problem", "text", "input", "task", "source", "response_a", "response_b", "uid", "n"]


@given(st.permutations(NAMES), st.integers(0, len(NAMES)))
def test_what_names_stand_for_follows_from_the_names_alone_whatever_their_order(names, count):
    chosen, found = names[:count], names_of(*names[:count])
    assert found == names_of.__wrapped__(*chosen)
    again = names_of(*reversed(chosen))
    by_rank = slice(0, found._fields.index("sides"))  # the others are in the order of the arguments
    assert found[by_rank] == again[by_rank]
    assert [sorted(kind) for kind in found] == [sorted(kind) for kind in again]


def test_the_surest_name_comes_first():
    found = names_of(*NAMES)
    assert (found.texts, found.said) == (("prediction", "answer", "problem"), ("prediction", "answer"))
    assert found.questions == ("problem", "input", "task", "text")
    assert found.problems == ("problem", "task", "input", "text")
    assert (found.sides, found.ids, found.samples) == (("response_a", "response_b"), ("uid",), ("n",))


def test_arguments_of_the_same_names_are_read_by_their_own_values():
    one, other = {"answer": None, "problem": "2 + 2?"}, {"answer": "4", "problem": "2 + 2?"}
    assert [first_text(fields, names_of(*fields).texts) for fields in (one, other)] == ["2 + 2?", "4"]
