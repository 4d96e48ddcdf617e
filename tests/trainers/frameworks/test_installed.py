"""The frameworks that are installed here have the functions that we read: `tests/matrix frameworks` and `verl`."""

import importlib.util
import site
from pathlib import Path

import pytest

from tests.support.signatures import READ, signature_now

pytestmark = pytest.mark.filterwarnings("ignore")


def _is_there(module):
    return importlib.util.find_spec(module.partition(".")[0]) is not None


HERE = [row for row in READ if row["framework"] != "openrlhf" and _is_there(row["module"])]
"""OpenRLHF does not import without what stands in for vLLM: see `tests/trainers/openrlhf`."""


@pytest.fixture(autouse=True)
def _skyrl_gym(monkeypatch):
    """SkyRL's wheel has its environments in a folder of their own."""
    for folder in site.getsitepackages():
        monkeypatch.syspath_prepend(Path(folder) / "skyrl-gym")


@pytest.mark.parametrize("row", HERE or [None], ids=lambda row: row and f"{row['module']}.{row['path']}")
def test_a_framework_has_the_function_that_was_read(row):
    if row is None:
        pytest.skip("no framework is installed")
    assert signature_now(row) == row["signature"]
