"""Runs workflows that a policy has written, each with an OpenAI client of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import openai

from llm_telemetry.demo.config import http_options
from llm_telemetry.demo.prompts import code_block, final_answer, normalised, solver_system, tagged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from llm_telemetry.demo.config import DemoConfig

    Workflow = Callable[["Operators", str], Awaitable[tuple[Any, Any]]]

_TEMPERATURE = 0.7


class Executor:
    """Runs a workflow under a timeout; what an API does wrong becomes `success: False`, bad code raises."""

    def __init__(self, config: DemoConfig) -> None:
        self._config = config

    async def execute_workflow(
        self,
        *,
        workflow_code: str,
        problem: str,
        problem_type: str,
        entry_point: str | None = None,  # noqa: ARG002 - part of the shape; the problem names it, too
        test: str | None = None,  # noqa: ARG002 - part of the shape; no workflow here looks at the tests
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Return the workflow's answer, what it says it cost (never trust it), and how it went."""
        workflow = _load(workflow_code)
        metadata: dict[str, Any] = {"success": False, "problem_type": problem_type}
        try:
            answer, cost = await asyncio.wait_for(self._run(workflow, problem), self._config.workflow_timeout)
        except asyncio.TimeoutError:
            return None, 0.0, metadata | {"error": "timeout"}
        except openai.OpenAIError as error:
            return None, 0.0, metadata | {"error": type(error).__name__}
        return answer, cost, metadata | {"success": answer not in ("", None)}

    async def _run(self, workflow: Workflow, problem: str) -> tuple[Any, Any]:
        """Run a workflow with a client that lives no longer than it."""
        async with openai.AsyncOpenAI(
            base_url=self._config.base_url,
            api_key=self._config.api_key,
            max_retries=self._config.max_retries,
            http_client=openai.DefaultAsyncHttpxClient(**http_options(self._config.base_url)),
        ) as client:
            return await workflow(Operators(client, self._config.executor_model), problem)


class Operators:
    """What a workflow may do: ask, stream, ask several times, take the majority."""

    def __init__(self, client: openai.AsyncOpenAI, model: str) -> None:
        self._client = client
        self._model = model

    async def ask(self, strategy: str, problem: str, *, seed: int, **notes: str) -> str:
        """Ask the model once; `notes` are earlier texts, such as an attempt and its review."""
        completion = await self._client.chat.completions.create(**self._request(strategy, problem, notes, seed))
        return completion.choices[0].message.content or ""

    async def stream(self, strategy: str, problem: str, *, seed: int, **notes: str) -> str:
        """Ask the model once and read the answer as it comes."""
        pieces = []
        request = self._request(strategy, problem, notes, seed)
        options: Any = {"stream": True, "stream_options": {"include_usage": True}}
        async with await self._client.chat.completions.create(**request, **options) as stream:
            async for chunk in stream:
                pieces += [choice.delta.content or "" for choice in chunk.choices]
        return "".join(pieces)

    async def ask_many(self, strategy: str, problem: str, *, seeds: Sequence[int]) -> list[str]:
        """Ask the model several times at once; those that fail are left out, unless all do."""
        asked = (self.ask(strategy, problem, seed=seed) for seed in seeds)
        results = await asyncio.gather(*asked, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, openai.OpenAIError):
                raise result
        replies = [result for result in results if isinstance(result, str)]
        if not replies and isinstance(results[0], BaseException):
            raise results[0]
        return replies

    def _request(self, strategy: str, problem: str, notes: dict[str, str], seed: int) -> dict[str, Any]:
        """Write one request."""
        messages = [
            {"role": "system", "content": solver_system(strategy)},
            {"role": "user", "content": tagged(problem=problem, **notes)},
        ]
        return {"model": self._model, "messages": messages, "temperature": _TEMPERATURE, "seed": seed}

    @staticmethod
    def majority(replies: Sequence[str]) -> str:
        """Return the first of the replies whose result is the most frequent one."""
        results = [normalised(final_answer(code_block(reply))) for reply in replies]
        most = Counter(results).most_common(1)[0][0]
        return replies[results.index(most)]


def _load(code: str) -> Workflow:
    """Compile a workflow's text; what is wrong with it comes out as it is."""
    namespace: dict[str, Any] = {}
    exec(compile(code, "<workflow>", "exec"), namespace)  # noqa: S102 - the demo's own templates
    workflow: Workflow = namespace["workflow"]
    return workflow
