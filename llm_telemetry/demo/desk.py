"""Decides what one request is answered: reads who asks and what, follows the script, writes the books."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.demo import answers, prompts
from llm_telemetry.demo.books import Books, Entry, Role, Tokens
from llm_telemetry.demo.draws import draw
from llm_telemetry.demo.faults import Faults, Kind, Step, script
from llm_telemetry.demo.items import Item, items_by_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHARACTERS_PER_TOKEN = 4
_CACHE_FROM = 96  # prompt tokens from which a part of the prompt may come from the cache
_CACHE_BLOCK = 32  # tokens: the cache's granularity
_CACHE_HIT = 0.3
_LATENCY = (0.002, 0.013)  # seconds: least, and spread
_JUDGE_HURRY = 0.3  # the judge blocks the trainer's loop, so the demo's one answers faster


class Question(NamedTuple):
    """A request as the desk reads it."""

    kind: Kind
    model: str
    system: str
    user: str
    stream: bool
    include_usage: bool
    key: str
    """The same for identical requests."""
    repeatable: bool
    """Whether an identical request is answered alike each time, as `seed` or temperature 0 ask for."""
    item: Item | None
    split: str


class Answer(NamedTuple):
    """What the server sends back, after `delay` seconds; `number` is that of the entry in the books."""

    question: Question
    step: Step
    reply: answers.Reply
    tokens: Tokens
    usage_sent: bool
    delay: float
    number: int


class _Place(NamedTuple):
    """Where in its script a repeated request is."""

    cycle: int = 0
    position: int = 0


class Desk:
    """Answers questions; the same seed, faults and requests give the same answers in any order."""

    def __init__(self, seed: int, faults: Faults, books: Books) -> None:
        self._seed = seed
        self._faults = faults
        self._books = books
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}

    def answer(self, body: Mapping[str, Any], retry: int | None) -> Answer:
        """Decide the answer to one request, and write it into the books as served.

        Args:
            body: the request's JSON.
            retry: how often the SDK says it has tried before; `None` when it says nothing, as old ones do.

        """
        question = read(body)
        step, cycle = self._next_step(question)
        key = (self._seed, question.key, 0 if question.repeatable else cycle, step.call)
        reply = self._reply(question, step, *key)
        served = step.status == 200  # noqa: PLR2004 - an HTTP status
        asked = question.include_usage or not question.stream
        told = served and asked and draw(*key, "usage") >= self._faults.usage_missing
        tokens = _count(question, reply, *key) if told else Tokens()
        entry = _entry(question, step, reply, tokens, cycle)
        entry |= {"retry": step.attempt if retry is None else retry, "usage_sent": told}
        number = self._books.add(Entry(**entry))
        delay = _LATENCY[0] + _LATENCY[1] * draw(*key, step.attempt, "latency")
        delay *= 1 if question.kind == "workflow" else _JUDGE_HURRY
        return Answer(question, step, reply, tokens, told, delay, number)

    def _next_step(self, question: Question) -> tuple[Step, int]:
        """Take the next step of the request's script; also return how often the script has run before."""
        with self._lock:
            cycle, position = self._places.get(question.key, _Place())
            variant = 0 if question.repeatable else cycle
            steps = script(question.kind, self._faults, self._seed, question.key, variant)
            is_last = position + 1 == len(steps)
            self._places[question.key] = _Place(cycle + 1) if is_last else _Place(cycle, position + 1)
        return steps[position], cycle

    def _reply(self, question: Question, step: Step, *key: object) -> answers.Reply:
        """Write the text of the answer."""
        if step.form in ("hung", "refused"):
            return answers.Reply(None)
        if question.kind == "verdict":
            return answers.judge(step.form, question.user, self._faults.misjudged, *key)
        if question.kind == "extraction":
            return answers.extract(question.user)
        return answers.solve(question.item, question.system, question.user, *key)


def read(body: Mapping[str, Any]) -> Question:
    """Read a request: the role is told by its system prompt, the item by the problem in the prompt."""
    texts = {str(message["role"]): str(message["content"]) for message in body["messages"]}
    system, user = texts.get("system", ""), texts.get("user", "")
    kinds: dict[str, Kind] = {prompts.JUDGE: "verdict", prompts.EXTRACTOR: "extraction"}
    item, split = items_by_problem().get(prompts.between(user, "problem"), (None, "unknown"))
    canonical = json.dumps(body, sort_keys=True).encode()
    return Question(
        kind=kinds.get(system, "workflow"),
        model=str(body["model"]),
        system=system,
        user=user,
        stream=bool(body.get("stream")),
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        key=hashlib.blake2b(canonical, digest_size=12).hexdigest(),
        repeatable=body.get("seed") is not None or body.get("temperature") == 0,
        item=item,
        split=split,
    )


def _count(question: Question, reply: answers.Reply, *key: object) -> Tokens:
    """Count tokens, roughly as a tokenizer would."""
    prompt = 8 + (len(question.system) + len(question.user)) // _CHARACTERS_PER_TOKEN
    cached = 0
    if prompt >= _CACHE_FROM and draw(*key, "cache") < _CACHE_HIT:
        cached = prompt // 2 // _CACHE_BLOCK * _CACHE_BLOCK
    completion = 1 + len(reply.content or reply.refusal or "") // _CHARACTERS_PER_TOKEN + reply.reasoning
    return Tokens(prompt, completion, cached, reply.reasoning)


def _entry(question: Question, step: Step, reply: answers.Reply, tokens: Tokens, cycle: int) -> dict[str, Any]:
    """Gather what the books keep of one request."""
    role: Role = "executor" if question.kind == "workflow" else "judge"
    return {
        "role": role,
        "kind": question.kind,
        "form": step.form,
        "model": question.model,
        "source": question.item["source"] if question.item else "unknown",
        "split": question.split,
        "status": step.status,
        "tokens": tokens,
        "streamed": question.stream,
        "content": reply.content,
        "verdict": reply.verdict,
        "finished": step.form != "hung",
        "evaluation": f"{question.key}:{cycle}",
        "call": step.call,
        "refusal": reply.refusal is not None,
    }
