"""The JSON of Anthropic's messages: whole answers and the events of streams."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llm_telemetry.testing.exchange import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.testing.exchange import Reply, Request, Tokens

    Body = dict[str, Any]

_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def message(request: Request, reply: Reply, tokens: Tokens | None) -> Body:
    """Return a whole answer."""
    body: Body = {
        "id": f"msg_{request.key}",
        "type": "message",
        "role": "assistant",
        "model": reply.model or request.model,
        "content": [block for block, _ in _blocks(reply)],
        "stop_reason": _stop_reason(reply),
        "stop_sequence": None,
    }
    return body if tokens is None else {**body, "usage": _usage(tokens, reply)}


def events(request: Request, reply: Reply, tokens: Tokens | None) -> Iterator[Body]:
    """Yield the events of a streamed answer; its tokens are told in two parts, before and after the text."""
    start = message(request, reply, tokens)
    if tokens is not None:
        start["usage"] = {**_usage(tokens, reply), "output_tokens": 1}
    yield {"type": "message_start", "message": {**start, "content": [], "stop_reason": None}}
    yield {"type": "ping"}
    for index, (block, key) in enumerate(_blocks(reply)):
        text = json.dumps(block[key]) if key == "input" else block[key]
        empty = {**block, key: {} if key == "input" else ""}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        kind, field = _DELTAS[key]
        for piece in pieces(text):
            yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: piece}}
        yield {"type": "content_block_stop", "index": index}
    end: Body = {"type": "message_delta", "delta": {"stop_reason": start["stop_reason"], "stop_sequence": None}}
    yield end if tokens is None else {**end, "usage": {"output_tokens": tokens.completion}}
    yield {"type": "message_stop"}


_DELTAS = {
    "thinking": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "input": ("input_json_delta", "partial_json"),
}
"""By what a block consists of: the type of its deltas, and the field that has the piece."""


def _blocks(reply: Reply) -> Iterator[tuple[Body, str]]:
    """Yield the blocks of a message, each with the name of the field that is streamed."""
    if reply.thinking:
        yield {"type": "thinking", "thinking": reply.thinking, "signature": "s"}, "thinking"
    text = reply.content or reply.refusal
    if text:
        yield {"type": "text", "text": text}, "text"
    for at, call in enumerate(reply.tool_calls):
        yield {"type": "tool_use", "id": f"toolu_{at}", "name": call.name, "input": dict(call.arguments)}, "input"


def _stop_reason(reply: Reply) -> str:
    if reply.refusal is not None:
        return "refusal"
    if reply.tool_calls and reply.finish_reason == "stop":
        return "tool_use"
    return _STOP.get(reply.finish_reason, reply.finish_reason)


def _usage(tokens: Tokens, reply: Reply) -> Body:
    """Return the token counts; Anthropic's input is without what the cache has served or taken up."""
    tier = {"service_tier": reply.service_tier} if reply.service_tier else {}
    return {
        **tier,
        "input_tokens": tokens.prompt - tokens.cached - tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": tokens.cache_write,
        "output_tokens": tokens.completion,
    }
