"""Answers of Gemini, of Bedrock's Converse and of endpoints for evaluations, as answers of chat completions.

So all else has one form to read. Each is known by its shape; what is none of them stays as it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ENDS = {
    "MAX_TOKENS": "length",
    "max_tokens": "length",
    **dict.fromkeys(("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII"), "content_filter"),
    **dict.fromkeys(("guardrail_intervened", "content_filtered"), "content_filter"),
}
"""How others say why an answer ended."""


def as_chat(answer: Any) -> Any:
    """Return an answer, or an event of its stream, as chat completions would have it."""
    if type(answer) is not dict or "choices" in answer:
        return answer
    translate = next((_TRANSLATIONS[sign] for sign in _TRANSLATIONS if sign in answer), None)
    return answer if translate is None else translate(answer)


def _gemini(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Read `candidates` and `usageMetadata`; thoughts are tokens of the answer, and no part of its text."""
    told = _dict(answer.get("usageMetadata"))
    usage = {
        "prompt_tokens": _sum(told, "promptTokenCount", "toolUsePromptTokenCount"),
        "completion_tokens": _sum(told, "candidatesTokenCount", "thoughtsTokenCount"),
        "prompt_tokens_details": {"cached_tokens": told.get("cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": told.get("thoughtsTokenCount")},
    }
    candidates = [_dict(one) for one in _list(answer.get("candidates"))]
    choices = [
        _choice(i, _texts(one.get("content"), "parts"), one.get("finishReason")) for i, one in enumerate(candidates)
    ]
    return _chat(choices, usage if told else None, answer.get("modelVersion"))


def _converse(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Read an answer of Converse."""
    message = _dict(_dict(answer.get("output")).get("message"))
    return _chat(
        [_choice(0, _texts(message, "content"), answer.get("stopReason"))], _bedrock_usage(answer.get("usage"))
    )


def _converse_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Read an event of ConverseStream: a piece of the text, its end, or the tokens; it has no other field."""
    if len(event) > 1:
        return dict(event)
    text = _dict(_dict(event.get("contentBlockDelta")).get("delta")).get("text")
    end = _dict(event.get("messageStop")).get("stopReason")
    return _chat([_choice(0, text, end)], _bedrock_usage(_dict(event.get("metadata")).get("usage")))


def _bedrock_usage(told: Any) -> dict[str, Any] | None:
    """Count what was read from the cache, and written to it, as the prompt's, as is done with Anthropic's."""
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    counts = [_dict(told).get(name, _dict(told).get(_snake(name))) for name in names]
    if counts[0] is None and counts[1] is None:
        return None
    anthropic = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return {name: count for name, count in zip(anthropic, counts, strict=True) if count is not None}


def _evaluation(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Read an endpoint for evaluations: its `answers` are the judge's words, as JSON."""
    words = json.dumps(answer.get("answers"), default=str)
    return _chat([_choice(0, words, None)], _bedrock_usage(answer.get("usage")), answer.get("model"))


def _wrapped(answer: Mapping[str, Any]) -> Any:
    return as_chat(answer["result"]) if isinstance(answer["result"], dict) else answer  # as Workers AI puts it


_TRANSLATIONS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "candidates": _gemini,
    "usageMetadata": _gemini,
    "stopReason": _converse,
    "contentBlockDelta": _converse_event,
    "messageStop": _converse_event,
    "metadata": _converse_event,
    "answers": _evaluation,
    "result": _wrapped,
}
"""By the field that an answer is known by."""


def _chat(choices: list[dict[str, Any]], usage: Any, model: Any = None) -> dict[str, Any]:
    return {"choices": choices, **({"usage": usage} if usage else {}), **({"model": model} if model else {})}


def _choice(index: int, text: Any, end: Any) -> dict[str, Any]:
    """Return one sample, as an answer has it and as an event has it."""
    said = {"content": text if isinstance(text, str) else ""}
    reason = None if end is None else _ENDS.get(str(end).rpartition(".")[2], "stop")
    return {"index": index, "message": said, "delta": said, "finish_reason": reason}


def _texts(content: Any, name: str) -> str:
    """Return the texts of a content's parts; thoughts are left out, the arguments of a tool are JSON."""
    parts = [_dict(part) for part in _list(_dict(content).get(name)) if not _dict(part).get("thought")]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    calls = [_dict(part.get("functionCall") or part.get("toolUse")) for part in parts]
    arguments = [call.get("args", call.get("input")) for call in calls if call]
    return "".join(texts) or "".join(json.dumps(one, default=str) for one in arguments if one)


def _sum(told: Mapping[str, Any], *names: str) -> int | None:
    """Return the sum of the counts that are told; `None` where none is."""
    counts = [told[name] for name in names if type(told.get(name)) is int]
    return sum(counts) if counts else None


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _dict(thing: Any) -> Mapping[str, Any]:
    return thing if isinstance(thing, dict) else {}


def _list(thing: Any) -> list[Any]:
    return thing if isinstance(thing, list) else []
