"""What trainers of these tests talk to."""

import pytest

from tests.support.mocking import chat
from tests.support.sdk import CHAT


@pytest.fixture
def yes(api):
    """An API that answers everything with yes."""
    api.post(CHAT).mock(chat("true"))
