"""A few random trainers among random faults; `make chaos` plays as many as one likes."""

import pytest

from tests.support.children import ROOT, python


@pytest.mark.long
def test_random_trainers_among_random_faults_end_as_without_us_with_numbers_that_are_true():
    done = python("-m", "tests.chaos", "--count", 8, "--quick", cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
