"""What the SDK's answers look like: token counts, text, kinds of errors. Read by shape, never by version.

Everything here takes objects of the SDK, plain dicts from a raw body, and whatever a half-compatible server sends:
what is missing or of a wrong type is unknown.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Usage
from llm_telemetry.judging.attempts import Reply
from llm_telemetry.judging.scrub import scrub_name

if TYPE_CHECKING:
    from collections.abc import Sequence

# How chat completions, legacy completions and embeddings name their token counts, and how the responses API does.
_CHAT = ("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
_RESPONSES = ("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")
_MOST_BITS = 40
"""Of the tokens of one call; what has more cannot be a count, whatever the server says."""
_NOTHING: dict[str, Any] = {}


def fields_of(thing: Any) -> dict[str, Any]:
    """Return what a dict or an object of the SDK holds, what the SDK does not know included.

    Read off the object's dict: to ask pydantic for an attribute that is missing takes 5 µs.
    """
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
    return count if type(count) is int and not count >> _MOST_BITS else None  # of a negative one, -1 is left


def _part(count: int | None, whole: int | None) -> int | None:
    """Return a count that is part of another, `None` where it is more than that."""
    return None if count is not None and whole is not None and count > whole else count


def usage_in(usage: Any, *, embedding: bool = False) -> Usage | None:
    """Return the token counts that a response's field `usage` tells; `None` when it tells none.

    Args:
        usage: The field.
        embedding: An embedding has no completion: its completion tokens are 0, not unknown.
    """
    fields = usage if type(usage) is dict else fields_of(usage)
    if not fields:
        return None
    is_chat = "prompt_tokens" in fields or not ("input_tokens" in fields or "output_tokens" in fields)
    prompt, completion, in_detail, out_detail = map(fields.get, _CHAT if is_chat else _RESPONSES)
    if embedding:
        completion = 0
    if type(prompt) is not int or prompt >> _MOST_BITS:  # as `_count`, without its frame: this is in every call
        prompt = None
    if type(completion) is not int or completion >> _MOST_BITS:
        completion = None
    if prompt is None and completion is None:
        return None
    if in_detail is None and out_detail is None:
        usage = tuple.__new__(Usage, (prompt, completion, None, None, None))
    else:
        cached = None if in_detail is None else _part(_count(fields_of(in_detail), "cached_tokens"), prompt)
        thought = None if out_detail is None else _count(fields_of(out_detail), "reasoning_tokens")
        usage = tuple.__new__(Usage, (prompt, completion, cached, thought, None))
    return usage if is_chat else _with_caches(usage, fields)


def _with_caches(usage: Usage, fields: dict[str, Any]) -> Usage:
    """Add what Anthropic's API counts beside its `input_tokens`; for us all of it is the prompt."""
    read, written = _count(fields, "cache_read_input_tokens"), _count(fields, "cache_creation_input_tokens")
    thoughts = _count(fields_of(fields.get("output_tokens_details")), "thinking_tokens")
    if usage.prompt is None or (read is None and written is None and thoughts is None):
        return usage
    prompt = usage.prompt + (read or 0) + (written or 0)
    cached = usage.cached if read is None else read
    return usage._replace(prompt=prompt, cached=cached, cache_write=written, reasoning=usage.reasoning or thoughts)


def name_in(told: Any) -> str | None:
    """Return what is told as a name, fit to be written: anything may stand there, a key too."""
    return scrub_name(told) if isinstance(told, str) and told else None


def replies_of(response: Any) -> list[Reply]:
    """Return what a response says, an answer for each sample that was asked for (`n=`).

    Chat, legacy completions, the responses API and Anthropic's are read; a refusal is no answer, whatever it says.
    """
    fields = fields_of(response)
    if is_anthropic(fields):
        return [anthropic_reply(response)]
    choices = _list(fields.get("choices"))
    return [_choice(choice) for choice in choices] if choices else [_output(response)]


def _choice(choice: Any) -> Reply:
    fields = fields_of(choice)
    message = fields_of(fields.get("message"))
    text = _joined(message.get("content")) or fields.get("text") or _tool_arguments(message) or _parsed(message)
    return _reply(text, message.get("refusal"), fields.get("finish_reason"))


def _output(response: Any) -> Reply:
    """Read the responses API: a list of items, each with parts."""
    items = _list(field(response, "output"))
    parts = [part for item in items for part in _list(field(item, "content"))]
    called = (arguments for item in items if isinstance(arguments := field(item, "arguments"), str))
    refusal = next((said for part in parts if (said := field(part, "refusal"))), None)
    incomplete = field(response, "status") == "incomplete"
    reason = field(field(response, "incomplete_details"), "reason")
    return _reply(_joined(parts) or next(called, ""), refusal, reason if incomplete else None)


_CUT = ("length", "max_output_tokens", "max_tokens", "model_context_window_exceeded")
_ENDS = {"content_filter": "content_filter", "refusal": "refusal"}


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
    if is_anthropic(chunk):
        return anthropic_delta(chunk)
    choice = first(field(chunk, "choices"))
    if choice is None:
        text = field(chunk, "delta") if field(chunk, "type") == "response.output_text.delta" else None
        return Reply(text if isinstance(text, str) else "")
    if field(choice, "index"):
        return Reply()
    delta, end = field(choice, "delta"), field(choice, "finish_reason")
    return _reply(field(delta, "content") or field(choice, "text"), field(delta, "refusal"), end)


_ANTHROPIC = ("message", "completion", "content_block_start", "content_block_delta", "message_delta")
"""The `type` of Anthropic's answers, old and new, and of the events of its streams that have a part of one."""


def is_anthropic(thing: Any) -> bool:
    """Tell whether this is an answer of Anthropic's API, or an event of its streams."""
    return field(thing, "type") in _ANTHROPIC


def anthropic_head(message: Any) -> dict[str, Any]:
    """Return what a stream tells at its start: all of the prompt's tokens, and of the answer's those of its first."""
    fields = fields_of(message)
    return {**fields, "usage": {**fields_of(fields.get("usage")), "output_tokens": None}}


def anthropic_reply(response: Any) -> Reply:
    """Return the text of a message: its parts of text, and the input of tools as JSON; or of a legacy completion."""
    parts = [_part_text(part) for part in _list(field(response, "content"))]
    text = "".join(parts) or field(response, "completion")
    return _reply(text, None, field(response, "stop_reason"))


def _part_text(part: Any) -> str:
    fields = fields_of(part)
    if fields.get("type") == "tool_use":
        return json.dumps(fields["input"]) if fields.get("input") else ""  # a stream begins one with nothing in it
    text = fields.get("text")
    return text if isinstance(text, str) else ""


def anthropic_delta(event: Any) -> Reply:
    """Return what one event of a stream adds to the answer."""
    fields = fields_of(event)
    delta = fields_of(fields.get("delta"))
    text = delta.get("text") or delta.get("partial_json") or fields.get("completion")
    stopped = delta.get("stop_reason") or fields.get("stop_reason")
    begun = _part_text(fields.get("content_block"))
    return _reply(text if isinstance(text, str) else begun, None, stopped)


_SUCCESS = range(200, 300)


def body_of(http_response: Any) -> Any:
    """Return the JSON of a successful response whose body is in memory already; never reads from the network."""
    if getattr(http_response, "status_code", 200) not in _SUCCESS:
        return None
    content = getattr(http_response, "_content", None)
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):  # HTML, an event stream, or nested too deep
        return None


_STATUS_KINDS = {401: "auth", 403: "auth", 408: "timeout", 429: "rate_limit"}
_NAME_KINDS = {
    "Timeout": "timeout",
    "RateLimit": "rate_limit",
    "rate_limit": "rate_limit",
    "server_error": "server",
    "overloaded": "server",
    "api_error": "server",
    "Connect": "connection",
    "Transport": "connection",
    "Network": "connection",
    "Protocol": "connection",
    "Payload": "connection",
}
_CANCELLED = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)
_CLIENT_ERRORS, _SERVER_ERRORS = range(400, 500), range(500, 600)


def failure_kind(error: BaseException) -> str:
    """Return why a judge gave no answer: an error's kind, or the provider's filter (Azure: a 400 with that code)."""
    filtered = (
        getattr(error, "__dict__", _NOTHING).get("code") == "content_filter" or "ContentFilter" in type(error).__name__
    )
    return "content_filter" if filtered else error_kind(error)


def error_kind(error: BaseException) -> str:
    """Return the kind of an exception that came out of an SDK or an HTTP library; see `events.Call.error`."""
    if isinstance(error, _CANCELLED):
        return "cancelled"
    own = getattr(error, "__dict__", _NOTHING)  # these are not asked for as attributes: some warn of being deprecated
    status = getattr(error, "status_code", own.get("status"))
    if isinstance(status, int) and status in _CLIENT_ERRORS:
        return _STATUS_KINDS.get(status, "bad_request")
    if status in _SERVER_ERRORS:
        return "server"
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error  # what requests wraps
    names = " ".join(kind.__name__ for kind in (*type(error).__mro__, *type(inner).__mro__))
    body = field(field(error, "body"), "error")  # an error that a stream told of, as older SDKs of Anthropic raise it
    told = f"{names} {own.get('code', '')} {own.get('type', '')} {field(body, 'type')}"
    return next((kind for sign, kind in _NAME_KINDS.items() if sign in told), "other")
