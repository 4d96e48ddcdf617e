"""What a client asks, and what a scripted model says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

ENDPOINTS = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
    "/responses": "responses",
    "/messages": "messages",
}
"""The endpoints that are served, by the end of their path; the longest that fits counts."""
_CHARACTERS_PER_TOKEN = 4
_PIECE = 24  # characters of text in one event of a stream


class Tokens(NamedTuple):
    """Tokens told to the client; `cached` and `cache_write` are part of `prompt`, `reasoning` of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_write: int = 0


class ToolCall(NamedTuple):
    """A tool that the model wants to be called."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What a scripted model says.

    Args:
        content: the text; JSON for a client that has asked for structured output, `None` for no text at all.
        finish_reason: in the words of OpenAI's chat completions; other endpoints are told in theirs.
        reasoning: hidden reasoning tokens.
        thinking: visible thoughts; only Anthropic's messages have a place for them.
        refusal: the text of a refusal.
        tool_calls: what the model wants to be called, for chat completions and messages.
        verdict: the verdict that the text tells, for the books; `None` when it tells none.
        tokens: the tokens to tell; by default they are counted by the length of the texts.
        model: the model that answers; by default the one that was asked.
        fingerprint: of the build that answers, where the endpoint is OpenAI's.
        service_tier: by which it is served.
        delay: seconds before the reply is sent.

    """

    content: str | None = ""
    finish_reason: str = "stop"
    reasoning: int = 0
    thinking: str = ""
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    verdict: bool | None = None
    tokens: Tokens | None = None
    model: str | None = None
    fingerprint: str | None = None
    service_tier: str | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """One HTTP request as it has come in.

    Args:
        path: of the URL, without its query.
        body: the JSON; empty where the body is no JSON object.
        raw: the body as it was sent.
        number: how many requests came before this one.
        retry: how often the SDK says that it has tried before; `None` when it says nothing, as old ones do.
        is_sdk: whether it is an SDK that asks, which tries again by itself.
        turn: how often the same question had been answered before; 0 when the client asks for the same answer
            each time, by `seed` or by temperature 0.
        call: 1 when the same question has just been answered without content, else 0.

    """

    path: str
    body: Mapping[str, Any]
    raw: bytes = b""
    number: int = 0
    retry: int | None = None
    is_sdk: bool = False
    turn: int = 0
    call: int = 0

    @property
    def endpoint(self) -> str:
        """Return `chat`, `completions`, `embeddings`, `responses`, `messages`, or `other`."""
        known = (name for end, name in ENDPOINTS.items() if self.path.endswith("/v1" + end) or self.path == end)
        return next(known, "other")

    @property
    def model(self) -> str:
        """Return the model asked for, empty if none is named."""
        return str(self.body.get("model", ""))

    @property
    def stream(self) -> bool:
        """Tell whether a stream is asked for."""
        return bool(self.body.get("stream"))

    @property
    def wants_usage(self) -> bool:
        """Tell whether tokens are to be told: a stream of OpenAI's chat completions has to ask for them."""
        if not self.stream or self.endpoint not in ("chat", "completions"):
            return True
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @property
    def repeatable(self) -> bool:
        """Tell whether the client asks for the same answer each time."""
        return self.body.get("seed") is not None or self.body.get("temperature") == 0

    @cached_property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """Return role and text of all messages, the system prompt among them."""
        system = self.body.get("system") or self.body.get("instructions")
        said = self.body.get("messages") or self.body.get("input") or self.body.get("prompt") or ()
        listed = [said] if isinstance(said, str) else said
        messages = [one if isinstance(one, Mapping) else {"role": "user", "content": one} for one in listed]
        head = [("system", _text(system))] if system else []
        return (*head, *((str(m.get("role", "user")), _text(m.get("content"))) for m in messages))

    @property
    def system(self) -> str:
        """Return the last system prompt, else an empty text."""
        return self._last("system", "developer")

    @property
    def user(self) -> str:
        """Return the user's last text, else an empty one."""
        return self._last("user")

    def _last(self, *roles: str) -> str:
        return next((text for role, text in reversed(self.messages) if role in roles), "")

    @cached_property
    def key(self) -> str:
        """Return a text that is the same for identical requests."""
        body = json.dumps(self.body, sort_keys=True).encode() if self.body else self.raw
        return hashlib.blake2b(self.path.encode() + b" " + body, digest_size=12).hexdigest()


def count(request: Request, reply: Reply) -> Tokens:
    """Return the tokens that a reply says, else as many as its texts are likely to have."""
    if reply.tokens is not None:
        return reply.tokens
    prompt = 8 + sum(len(text) for _, text in request.messages) // _CHARACTERS_PER_TOKEN
    if request.endpoint == "embeddings":
        return Tokens(prompt)
    said = f"{reply.content or ''}{reply.refusal or ''}{reply.thinking}"
    said += "".join(call.name + json.dumps(dict(call.arguments)) for call in reply.tool_calls)
    return Tokens(prompt, 1 + len(said) // _CHARACTERS_PER_TOKEN + reply.reasoning, 0, reply.reasoning)


def pieces(text: str | None) -> list[str]:
    """Return a text as it is streamed."""
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)] if text else []


def _text(content: Any) -> str:
    """Return the text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) if isinstance(part, Mapping) else str(part) for part in parts)
