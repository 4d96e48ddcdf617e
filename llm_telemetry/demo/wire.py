"""The JSON of the OpenAI chat-completions API: whole answers, streams of chunks, errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.demo.desk import Answer

_CREATED = 1_760_000_000  # seconds since 1970: one fixed moment, so that answers repeat
_CHUNK = 24  # characters of text in one chunk of a stream
_ERRORS = {
    400: ("invalid_request_error", "the request is not a chat completion"),
    404: ("invalid_request_error", "this server knows POST /v1/chat/completions only"),
    429: ("rate_limit_exceeded", "too many requests, try again"),
    500: ("server_error", "something broke, try again"),
    503: ("server_error", "the model is overloaded, try again"),
}


def error(status: int) -> bytes:
    """Return the body of an error."""
    kind, message = _ERRORS[status]
    return _dump({"error": {"message": message, "type": kind, "param": None, "code": kind}})


def completion(answer: Answer) -> bytes:
    """Return the body of a whole answer; `usage` is left out when it is not to be told."""
    message = {"role": "assistant", "content": answer.reply.content, "refusal": answer.reply.refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.reply.finish_reason}
    body = _head(answer, "chat.completion") | {"choices": [choice]}
    if answer.usage_sent:
        body["usage"] = _usage(answer)
    return _dump(body)


def events(answer: Answer) -> Iterator[bytes]:
    """Yield a streamed answer's server-sent events, ready to be written."""
    text = answer.reply.content or ""
    pieces = [text[i : i + _CHUNK] for i in range(0, len(text), _CHUNK)]
    yield _event(_chunk(answer, {"role": "assistant", "content": ""}))
    for piece in pieces:
        yield _event(_chunk(answer, {"content": piece}))
    yield _event(_chunk(answer, {}, answer.reply.finish_reason))
    if answer.usage_sent:
        yield _event(_head(answer, "chat.completion.chunk") | {"choices": [], "usage": _usage(answer)})
    yield b"data: [DONE]\n\n"


def _chunk(answer: Answer, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    """Return one chunk; those before the last carry an empty usage when usage was asked for."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    body = _head(answer, "chat.completion.chunk") | {"choices": [choice]}
    return body | ({"usage": None} if answer.question.include_usage else {})


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    """Return the fields that all answers and chunks share."""
    name = f"chatcmpl-{answer.question.key}"
    return {"id": name, "object": kind, "created": _CREATED, "model": answer.question.model}


def _usage(answer: Answer) -> dict[str, Any]:
    """Return the token counts as the API tells them."""
    tokens = answer.tokens
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning, "audio_tokens": 0},
    }


def _event(body: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + _dump(body) + b"\n\n"


def _dump(body: dict[str, Any]) -> bytes:
    """Return `body` as JSON."""
    return json.dumps(body).encode()
