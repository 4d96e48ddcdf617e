"""The JSON of what is answered: OpenAI's endpoints here, Anthropic's next door; whole answers, streams, errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.testing import anthropic_wire
from llm_telemetry.testing.exchange import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llm_telemetry.testing.exchange import Reply, Request, Tokens

    Body = dict[str, Any]

_CREATED = 1_760_000_000  # seconds since 1970: one fixed moment, so that answers repeat


class Endpoint(NamedTuple):
    """How one endpoint writes: a whole answer, and the events of a stream."""

    body: Callable[[Request, Reply, Tokens | None], Body]
    events: Callable[[Request, Reply, Tokens | None], Iterable[Body]]
    is_named: bool = True
    """Whether an event is named on a line of its own; if not, the stream ends with `[DONE]`."""


def body(request: Request, reply: Reply, tokens: Tokens | None) -> bytes:
    """Return a whole answer; tokens are left out when they are `None`."""
    return json.dumps(_ENDPOINTS[request.endpoint].body(request, reply, tokens)).encode()


def events(request: Request, reply: Reply, tokens: Tokens | None) -> Iterator[bytes]:
    """Yield a streamed answer's server-sent events, ready to be written."""
    endpoint = _ENDPOINTS[request.endpoint]
    for event in endpoint.events(request, reply, tokens):
        name = f"event: {event['type']}\n" if endpoint.is_named else ""
        yield f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
    if not endpoint.is_named:
        yield b"data: [DONE]\n\n"


def error(status: int, message: str) -> bytes:
    """Return the body of an error, in a form that both families read."""
    kind = {429: "rate_limit_error", 529: "overloaded_error"}.get(status, f"error_{status}")
    return json.dumps({"type": "error", "error": {"type": kind, "code": kind, "message": message}}).encode()


def error_event() -> bytes:
    """Return the event by which a stream tells of an error."""
    return b"event: error\ndata: " + error(529, "the model is overloaded, try again") + b"\n\n"


def _usage(tokens: Tokens) -> Body:
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning, "audio_tokens": 0},
    }


def _head(request: Request, reply: Reply, kind: str, tokens: Tokens | None = None) -> Body:
    head = {"id": f"{request.endpoint}-{request.key}", "object": kind, "created": _CREATED, **_served(request, reply)}
    return head if tokens is None else {**head, "usage": _usage(tokens)}


def _served(request: Request, reply: Reply) -> Body:
    """Return who has answered, as far as it is told."""
    told = {"system_fingerprint": reply.fingerprint, "service_tier": reply.service_tier}
    return {"model": reply.model or request.model, **{name: value for name, value in told.items() if value}}


def _tool_calls(reply: Reply) -> list[Body]:
    return [
        {
            "index": at,
            "id": f"call_{at}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for at, call in enumerate(reply.tool_calls)
    ]


def _chat(request: Request, reply: Reply, tokens: Tokens | None) -> Body:
    message: Body = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
    if reply.tool_calls:
        message["tool_calls"] = _tool_calls(reply)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    return {**_head(request, reply, "chat.completion", tokens), "choices": [choice]}


def _chat_events(request: Request, reply: Reply, tokens: Tokens | None) -> Iterator[Body]:
    head = _head(request, reply, "chat.completion.chunk")
    told = {"usage": None} if request.wants_usage else {}  # those before the last carry an empty one
    deltas: list[Body] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text} for text in pieces(reply.content)]
    deltas += [{"refusal": text} for text in pieces(reply.refusal)]
    deltas += [{"tool_calls": [call]} for call in _tool_calls(reply)]
    for delta, finish in [*((delta, None) for delta in deltas), ({}, _finish(reply))]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        yield {**head, "choices": [choice], **told}
    if tokens is not None:
        yield {**head, "choices": [], "usage": _usage(tokens)}


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.tool_calls and reply.finish_reason == "stop" else reply.finish_reason


def _completion(request: Request, reply: Reply, tokens: Tokens | None) -> Body:
    choice = {"index": 0, "text": reply.content or "", "logprobs": None, "finish_reason": reply.finish_reason}
    return {**_head(request, reply, "text_completion", tokens), "choices": [choice]}


def _completion_events(request: Request, reply: Reply, tokens: Tokens | None) -> Iterator[Body]:
    head = _head(request, reply, "text_completion")
    for text, finish in [*((text, None) for text in pieces(reply.content)), ("", reply.finish_reason)]:
        yield {**head, "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}
    if tokens is not None:
        yield {**head, "choices": [], "usage": _usage(tokens)}


def _embeddings(request: Request, _: Reply, tokens: Tokens | None) -> Body:
    """Return one small vector for each input."""
    asked = request.body.get("input")
    count = len(asked) if isinstance(asked, list) else 1
    data = [{"object": "embedding", "index": at, "embedding": [0.5, 0.25]} for at in range(count)]
    usage = {"prompt_tokens": tokens.prompt, "total_tokens": tokens.prompt} if tokens is not None else None
    return {"object": "list", "model": request.model, "data": data, "usage": usage}


def _response(request: Request, reply: Reply, tokens: Tokens | None) -> Body:
    is_cut = reply.finish_reason == "length"
    part: Body = {"type": "output_text", "text": reply.content or "", "annotations": []}
    if reply.refusal is not None:
        part = {"type": "refusal", "refusal": reply.refusal}
    message = {"id": "msg_0", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    usage = tokens and {
        "input_tokens": tokens.prompt,
        "output_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }
    return {
        "id": f"resp_{request.key}",
        "object": "response",
        "created_at": _CREATED,
        **_served(request, reply),
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def _response_events(request: Request, reply: Reply, tokens: Tokens | None) -> Iterator[Body]:
    whole = _response(request, reply, tokens)
    message = whole["output"][0]
    part, where = message["content"][0], {"item_id": message["id"], "output_index": 0, "content_index": 0}
    text = part.get("text") or part.get("refusal")
    begun = {**whole, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    told: list[Body] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
        {"type": "response.content_part.added", "part": {**part, "text": ""}, **where},
        *(
            {"type": f"response.{part['type']}.delta", "delta": piece, "logprobs": [], **where}
            for piece in pieces(text)
        ),
        {"type": f"response.{whole['status']}", "response": whole},
    ]
    yield from ({**event, "sequence_number": at} for at, event in enumerate(told))


_ENDPOINTS = {
    "chat": Endpoint(_chat, _chat_events, is_named=False),
    "completions": Endpoint(_completion, _completion_events, is_named=False),
    "embeddings": Endpoint(_embeddings, lambda *answer: [_embeddings(*answer)], is_named=False),
    "responses": Endpoint(_response, _response_events),
    "messages": Endpoint(anthropic_wire.message, anthropic_wire.events),
}
