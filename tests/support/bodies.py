"""Bodies of the endpoints besides chat completions, and streams that go wrong."""

import importlib
import json

import httpx

from tests.support.mocking import _CORE

TOKENS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
RESPONSE_TOKENS = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens_details": {"reasoning_tokens": 2},
}


def completion(text="4"):
    """A legacy completion."""
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
    body = {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice], "usage": TOKENS}
    return httpx.Response(200, json=body)


def embedding(**fields):
    """One embedding; an embedding has no completion tokens."""
    body = {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 10, "total_tokens": 10},
        **fields,
    }
    return httpx.Response(200, json=body)


def response_body(text="4", status="completed", tokens=RESPONSE_TOKENS):
    """What the responses API gives."""
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "gpt-4o-mini",
        "status": status,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": tokens,
    }


def response(text="4", **fields):
    """The responses API's answer."""
    return httpx.Response(200, json=response_body(text, **fields))


def response_stream(*deltas, last="response.completed", **fields):
    """The events of the responses API; a delta is a text, or a pair of an event's type and a text."""
    pairs = [delta if isinstance(delta, tuple) else ("response.output_text.delta", delta) for delta in deltas]
    where = {"item_id": "m", "output_index": 0, "content_index": 0, "summary_index": 0, "logprobs": []}
    created = response_body("", status="in_progress", tokens=None)
    events = [{"type": "response.created", "response": created}]
    events += [{"type": kind, "delta": text, **where} for kind, text in pairs]
    events.append(
        {"type": last, "response": response_body("".join(t for k, t in pairs if "output_text" in k), **fields)}
    )
    lines = [
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': i})}\n\n"
        for i, event in enumerate(events)
    ]
    return events_of("".join(lines))


def events_of(text):
    """An event stream as an HTTP answer."""
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=text.encode())


def chunk(text):
    """One event of a streamed chat completion, as it stands on the wire."""
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    return "data: " + json.dumps({**body, "choices": [{"index": 0, "delta": {"content": text}}]}) + "\n\n"


def connection_lost():
    """The error by which the HTTP stack says that a body broke off."""
    return importlib.import_module(_CORE).ReadError("gone")
