"""Whose a client is: what is soon looked at says no more than what is known."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.events import ROLES
from llm_telemetry.session.roles import KnownParts


class Transport:
    """What an SDK's client and its copies share."""


TRANSPORTS = [Transport() for _ in range(2)]
clients = st.builds(
    lambda transport, url: SimpleNamespace(_client=transport, base_url=url, api_key="k"),
    st.sampled_from(TRANSPORTS),
    st.sampled_from(["http://a.test", "http://b.test"]),
)


@given(st.lists(st.tuples(clients, st.sampled_from(ROLES), st.booleans()), max_size=6), clients)
def test_where_nothing_speaks_against_a_role_no_other_is_known(added, asked):
    parts = KnownParts()
    for client, role, is_dropped in added:
        parts.add_client(client, role)
        if is_dropped:
            parts.drop_guess(client)
    for role in ROLES:
        assert not parts.agree(asked, role) or parts.role_of(asked) in (None, role)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_another_is_known_against_is_asked_for(role):
    parts, client = KnownParts(), SimpleNamespace(_client=TRANSPORTS[0])
    parts.add_client(client, "judge")
    assert parts.agree(client, role) is (role == "judge")
    assert parts.agree(SimpleNamespace(_client=TRANSPORTS[1]), role)
