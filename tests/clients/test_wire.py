"""Bodies in pieces: what an event stream or a document says does not depend on where the network has cut it."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.clients import wire
from llm_telemetry.clients.replies import usage_in
from llm_telemetry.clients.wire import DONE, Body, is_last

EVENTS = [{"a": "é✓"}, {"usage": {"prompt_tokens": 1}}, {"type": "message_stop"}]
STREAM = (
    ": a comment\r\n\r\nevent: x\nid: 7\n"
    + "".join(f"data:{' ' * n}{json.dumps(event, ensure_ascii=False)}\r\n\n" for n, event in enumerate(EVENTS))
    + "data: no json\n\ndata: [1, 2]\n\nretry: 3\n\ndata: [DONE]\n\n"
).encode()


def pieces_of(text, cuts):
    edges = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 10_000)))
def test_events_are_the_same_wherever_a_stream_is_cut(cuts):
    body = Body()
    assert [event for piece in pieces_of(STREAM, cuts) for event in body.feed(piece)] == [*EVENTS, DONE]
    assert body.document() is None


@given(st.lists(st.integers(0, 10_000)), st.sampled_from(["", "\n ", "\r\n\t"]))
def test_a_document_is_the_same_wherever_it_is_cut(cuts, before):
    text = (before + json.dumps({"usage": 1, "text": "é✓"}, ensure_ascii=False)).encode()
    body = Body()
    assert [event for piece in pieces_of(text, cuts) for event in body.feed(piece)] == []
    assert body.document() == {"usage": 1, "text": "é✓"}


@pytest.mark.parametrize("text", [b"", b"  ", b"<html>no</html>", b'{"half": ', b"data: 1", b"[" * 100_000])
def test_what_is_neither_is_unknown(text):
    body = Body()
    assert list(body.feed(text)) == []
    assert body.document() is None


@pytest.mark.parametrize("text", [b'{"a": "' + b"x" * 100 + b'"}', b"data: " + b"x" * 100 + b'\ndata: {"b": 1}\n'])
def test_what_is_too_long_is_not_kept(text, monkeypatch):
    monkeypatch.setattr(wire, "_MOST", 64)
    body = Body()
    events = [event for at in range(0, len(text), 10) for event in body.feed(text[at : at + 10])]
    assert events in ([], [{"b": 1}])
    assert sum(map(len, body._pieces)) <= 64
    assert body.document() is None


def test_the_last_event_is_known():
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    assert all(map(is_last, [DONE, stop, {"type": "response.completed"}]))
    assert not any(map(is_last, [{}, {"type": "message_delta", "delta": {}}, {"choices": [{"delta": {}}]}]))


# --- token counts as Anthropic tells them


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 5, "output_tokens": 7}, (5, 7, None, None, None)),
        (
            {
                "input_tokens": 5,
                "output_tokens": 7,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens_details": {"thinking_tokens": 3},
            },
            (125, 7, 100, 3, 20),
        ),
        (
            {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": None, "cache_creation_input_tokens": 0},
            (5, 7, None, None, 0),
        ),
        ({"input_tokens": 5, "output_tokens": None, "cache_read_input_tokens": 1}, (6, None, 1, None, None)),
        ({"output_tokens": 7, "cache_read_input_tokens": 1}, (None, 7, None, None, None)),
    ],
)
def test_what_was_read_from_the_cache_and_written_to_it_is_part_of_the_prompt(usage, expected):
    assert usage_in(usage) == expected


@pytest.mark.parametrize("count", [10**400, 2**41, -1, 1.5, "7", True, None])
def test_a_token_count_that_cannot_be_is_unknown(count):
    usage = usage_in({"prompt_tokens": count, "completion_tokens": 2})
    assert (usage.prompt, usage.completion) == (None, 2)
