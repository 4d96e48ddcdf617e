"""The catalogue of keys by itself: how each merges over processes, and that nobody spells one elsewhere."""

import ast
import functools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llm_telemetry
from llm_telemetry.collectors import accuracy, dataset, groups, judge, parts, rules
from llm_telemetry.collectors import keys as catalogue
from llm_telemetry.collectors.accuracy import AccuracySums
from llm_telemetry.collectors.calls import RoleWindow
from llm_telemetry.collectors.consistency import AnchorSums
from llm_telemetry.collectors.dataset import SourceSums
from llm_telemetry.collectors.groups import GroupSums
from llm_telemetry.collectors.judge import OutcomeSums
from llm_telemetry.collectors.keys import CATALOGUE
from llm_telemetry.collectors.parts import PartSums
from llm_telemetry.collectors.rules import RuleSums
from llm_telemetry.collectors.spend import Tokens
from llm_telemetry.events import STEP_KEY


def sums(kind):
    """Sums of any size."""
    return st.builds(kind, *[st.integers(0, 50)] * len(kind.__dataclass_fields__))


FAMILIES = {"dataset": (SourceSums, dataset._describe), "judge": (OutcomeSums, judge._describe)}
FAMILIES["reward"] = (PartSums, parts._describe)
FAMILIES["group"] = (GroupSums, groups._values)
FAMILIES["rule"] = (RuleSums, rules._describe)
FAMILIES["accuracy"] = (AccuracySums, functools.partial(accuracy._values, is_bounded=True))
KINDS = {family: (kind,) for family, (kind, _) in FAMILIES.items()}
KINDS |= {"dataset": (SourceSums, AccuracySums), "cost": (SourceSums, GroupSums), "tokens": (Tokens, RoleWindow)}
KINDS |= {"judge": (OutcomeSums, AnchorSums), "llm": (RoleWindow,)}
"""What a family's keys are made from."""


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_the_catalogue_says_how_a_key_merges_over_processes(family, data):
    kind, describe = FAMILIES[family]
    one, other = (data.draw(sums(kind)) for _ in range(2))
    values, (left, right) = describe(one.merge(other)), map(describe, (one, other))
    for key, value in values.items():
        part, _, whole = key.merge.partition(" / ")
        if key.merge == "sum":
            assert value == left.get(key, 0) + right.get(key, 0)
        elif value is not None and key.merge != "deviation":
            scale = 100 if key.unit.startswith("percent") else 1
            parts, wholes = ([getattr(each, name) for each in (one, other)] for name in (part, whole))
            assert value == pytest.approx(scale * sum(parts) / sum(wholes))


def test_every_key_says_how_it_merges():
    names = {key.name for key in CATALOGUE}
    for key in CATALOGUE:
        if key.merge not in {"sum", "max", "quantile", "deviation", "mean over problems"}:
            family = key.name.partition("/")[0]
            parts = key.merge.split(" / ")
            assert len(parts) == 2
            own = {name for kind in KINDS.get(family, ()) for name in dir(kind)}
            assert set(parts) <= own | {name.partition("/")[2] for name in names}


# --- nobody spells a key


ROOT = Path(llm_telemetry.__file__).parent
FAMILY = "|".join({key.name.partition("/")[0] for key in CATALOGUE})
SPELT = re.compile(rf"(val/)?({FAMILY})(/[a-z0-9_]*)+")
ALLOWED = {"events.py": {STEP_KEY}}
"""A word of the vocabulary, which the catalogue takes from there."""


def spelt_in(path):
    """What looks like a key among the texts in a module, the constant parts of f-strings included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if SPELT.fullmatch(text)}


def test_no_key_is_spelt_outside_of_the_collectors():
    read_by_people = {"collectors", "demo"}  # the demo's summary reads payloads as a user's own program would
    spelt = {
        str(path.relative_to(ROOT)): found
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in read_by_people
        and (found := spelt_in(path) - ALLOWED.get(path.name, set()))
    }
    assert spelt == {}


def test_keys_differ_by_split_source_and_holes():
    assert catalogue.ACCURACY.of("val", "gsm8k") == "val/gsm8k/accuracy"
    assert catalogue.CALLS.of("val", role="judge") == "val/llm/judge/calls"
    assert catalogue.TOTAL_COST.of("val") == "cost/total_cost"


def test_the_sources_of_a_payload_are_those_that_a_key_is_told_of():
    payload = {"dataset/accuracy": 50, "dataset/gsm8k/accuracy": 50, "dataset/gsm8k/count": 1, "val/math/accuracy": 0}
    assert catalogue.ACCURACY.sources(payload) == ["gsm8k"]
    assert catalogue.ACCURACY.sources(payload, "val") == ["math"]
