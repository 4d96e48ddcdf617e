"""What the SDK's answers look like: token counts, text, kinds of errors. Read by shape, never by version.

Everything here takes objects of the SDK, plain dicts from a raw body, and whatever a half-compatible server sends:
what is missing or of a wrong type is unknown.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from llm_telemetry.evaluations import Reply
from llm_telemetry.events import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

# How chat completions, legacy completions and embeddings name their token counts, and how the responses API does.
_CHAT = ("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
_RESPONSES = ("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")


_NOTHING: dict[str, Any] = {}


def fields_of(thing: Any) -> dict[str, Any]:
    """Return what a dict or an object of the SDK holds, what the SDK does not know included.

    Read off the object's dict: to ask pydantic for an attribute that is missing takes 5 µs.
    """
    if thing is None:
        return _NOTHING
    if type(thing) is dict:
        return thing
    own = getattr(thing, "__dict__", None)
    if type(own) is not dict:
        return _NOTHING
    extra = getattr(thing, "__pydantic_extra__", None)
    return {**own, **extra} if extra else own


def field(thing: Any, name: str) -> Any:
    """Return `thing.name` or `thing[name]`, `None` where there is none."""
    return fields_of(thing).get(name)


def _list(things: Any) -> Sequence[Any]:
    """Return a list as it is, and nothing for whatever else a server may have sent."""
    return things if isinstance(things, list | tuple) else ()


def first(things: Any) -> Any:
    """Return the first element of a list, `None` where there is none."""
    return next(iter(_list(things)), None)


def _count(fields: dict[str, Any], name: str) -> int | None:
    """Return a token count, `None` for what cannot be one."""
    count = fields.get(name)
    return count if type(count) is int and count >= 0 else None


def usage_in(usage: Any, *, embedding: bool = False) -> Usage | None:
    """Return the token counts that a response's field `usage` tells; `None` when it tells none.

    Args:
        usage: The field.
        embedding: An embedding has no completion: its completion tokens are 0, not unknown.
    """
    fields = fields_of(usage)
    if not fields:
        return None
    names = _RESPONSES if "input_tokens" in fields else _CHAT
    prompt, completion = _count(fields, names[0]), 0 if embedding else _count(fields, names[1])
    if prompt is None and completion is None:
        return None
    in_detail, out_detail = fields.get(names[2]), fields.get(names[3])
    cached = None if in_detail is None else _count(fields_of(in_detail), "cached_tokens")
    reasoning = None if out_detail is None else _count(fields_of(out_detail), "reasoning_tokens")
    return Usage(prompt, completion, cached, reasoning)


def replies_of(response: Any) -> list[Reply]:
    """Return what a response says, an answer for each sample that was asked for (`n=`).

    Chat, legacy completions and the responses API are read; a refusal is no answer, whatever it says.
    """
    choices = _list(field(response, "choices"))
    return [_choice(choice) for choice in choices] if choices else [_output(response)]


def _choice(choice: Any) -> Reply:
    message = field(choice, "message")
    text = _joined(field(message, "content")) or field(choice, "text") or _tool_arguments(message) or _parsed(message)
    end = field(choice, "finish_reason")
    return _reply(text, field(message, "refusal"), end)


def _output(response: Any) -> Reply:
    """Read the responses API: a list of items, each with parts."""
    items = _list(field(response, "output"))
    parts = [part for item in items for part in _list(field(item, "content"))]
    called = (arguments for item in items if isinstance(arguments := field(item, "arguments"), str))
    refusal = next((said for part in parts if (said := field(part, "refusal"))), None)
    incomplete = field(response, "status") == "incomplete"
    reason = field(field(response, "incomplete_details"), "reason")
    return _reply(_joined(parts) or next(called, ""), refusal, reason if incomplete else None)


_CUT = ("length", "max_output_tokens")
_ENDS = {"content_filter": "content_filter"}


def _reply(text: Any, refusal: Any, end: Any) -> Reply:
    failure = "refusal" if refusal else _ENDS.get(end)
    return Reply(text if isinstance(text, str) else "", failure, truncated=end in _CUT)


def _joined(content: Any) -> str:
    """Return content as text: a string, or the texts of its parts."""
    if isinstance(content, str):
        return content
    return "".join(text for part in _list(content) if isinstance(text := field(part, "text"), str))


def _tool_arguments(message: Any) -> Any:
    return field(field(first(field(message, "tool_calls")), "function"), "arguments")


def _parsed(message: Any) -> str:
    """Return structured output as JSON, where a server or a wrapper gives nothing else."""
    parsed = fields_of(field(message, "parsed"))
    return json.dumps(parsed, default=str) if parsed else ""


def delta_of(chunk: Any) -> Reply:
    """Return what one chunk or event of a stream adds to the (first) answer; thoughts are no part of it."""
    choice = first(field(chunk, "choices"))
    if choice is None:
        text = field(chunk, "delta") if field(chunk, "type") == "response.output_text.delta" else None
        return Reply(text if isinstance(text, str) else "")
    if field(choice, "index"):
        return Reply()
    delta, end = field(choice, "delta"), field(choice, "finish_reason")
    return _reply(field(delta, "content") or field(choice, "text"), field(delta, "refusal"), end)


def body_of(http_response: Any) -> Any:
    """Return the JSON of a response whose body is in memory already; never reads from the network."""
    content = getattr(http_response, "_content", None)
    try:
        return json.loads(content) if content else None
    except ValueError:  # HTML, or an event stream
        return None


_STATUS_KINDS = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limit"}
_NAME_KINDS = {
    "Timeout": "timeout",
    "RateLimit": "rate_limit",
    "rate_limit": "rate_limit",
    "server_error": "server",
    "Connect": "connection",
    "Transport": "connection",
    "Network": "connection",
    "Protocol": "connection",
}
_CANCELLED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
_CLIENT_ERRORS, _SERVER_ERRORS = range(400, 500), range(500, 600)


def failure_kind(error: BaseException) -> str:
    """Return why a judge gave no answer: an error's kind, or the provider's filter (Azure: a 400 with that code)."""
    filtered = getattr(error, "code", None) == "content_filter" or "ContentFilter" in type(error).__name__
    return "content_filter" if filtered else error_kind(error)


def error_kind(error: BaseException) -> str:
    """Return the kind of an exception that came out of an SDK; see `events.Call.error`."""
    if isinstance(error, _CANCELLED):
        return "cancelled"
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status in _CLIENT_ERRORS:
        return _STATUS_KINDS.get(status, "bad_request")
    if status in _SERVER_ERRORS:
        return "server"
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    told = f"{names} {getattr(error, 'code', '')} {getattr(error, 'type', '')}"
    return next((kind for sign, kind in _NAME_KINDS.items() if sign in told), "other")
