"""Bedrock's models by boto3: Converse and InvokeModel, plain and streamed, with botocore's retries inside.

`BaseClient._make_api_call` is below every method of every client of boto3. Only four operations of `bedrock-runtime`
are looked at. botocore sends by urllib3, which has no hooks of ours, so nothing is counted twice.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients.calls import held_call, hold, outside
from llm_telemetry.clients.http import HttpCall
from llm_telemetry.clients.taps import Tap
from llm_telemetry.clients.wire import Failure, parsed
from llm_telemetry.guard import guarded
from llm_telemetry.hooks.observe import drive
from llm_telemetry.hooks.patching import Row
from llm_telemetry.hooks.scopes import innermost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llm_telemetry.hooks.scopes import Scope

SERVICE = "bedrock-runtime"
BODIES = {"Converse": "", "ConverseStream": "stream", "InvokeModel": "body", "InvokeModelWithResponseStream": "body"}
"""The operations that are LLM calls, and the field of what is still to be read of their answers."""
_COUNTS = {
    "input_tokens": "x-amzn-bedrock-input-token-count",
    "output_tokens": "x-amzn-bedrock-output-token-count",
}
"""The headers that tell the tokens of InvokeModel, whatever the model's own answer looks like."""


class BedrockCall(HttpCall):
    """One operation."""

    __slots__ = ("_field",)

    def __init__(self, scope: Scope, operation: str, parameters: Mapping[str, Any]) -> None:
        """Note who calls, and which model."""
        body = parsed(parameters.get("body"))
        told = {**(body if isinstance(body, dict) else parameters), "model": parameters.get("modelId")}
        super().__init__(scope, operation, told, hold)
        self._field = BODIES[operation]

    def end(self, result: Any, error: BaseException | None) -> None:
        """Take what the operation gave; of an error its status, which botocore keeps in a dict."""
        told = getattr(error, "response", None) or result
        about = told.get("ResponseMetadata", {}) if isinstance(told, dict) else {}
        self.retries = about.get("RetryAttempts", 0)
        if error is not None:
            status, code = about.get("HTTPStatusCode"), getattr(error, "response", {}).get("Error", {}).get("Code")
            self.finish(error=Failure(status, {"code": code}) if status else error)
            return
        self.told = _counted(about.get("HTTPHeaders", {}))
        if self._field:
            hold(result[self._field], self)
        else:
            self.finish({name: value for name, value in result.items() if name != "ResponseMetadata"})

    def see(self, chunk: Any) -> None:
        """Take the next bytes of a body, or the next event of a stream."""
        if isinstance(chunk, bytes):
            super().see(chunk)
        elif isinstance(chunk, dict) and self.open:
            inner = chunk.get("chunk", {}).get("bytes") if "chunk" in chunk else None
            self.take(chunk if inner is None else parsed(inner))

    def finish(self, response: Any = None, error: BaseException | None = None) -> None:
        """Record the call; where the answer does not tell its tokens, the headers do."""
        if self.open and self.told and self.usage is None:
            self._read({"usage": self.told})
        super().finish(response, error)


def _counted(headers: Mapping[str, Any]) -> dict[str, int] | None:
    counts = {name: int(headers[header]) for name, header in _COUNTS.items() if str(headers.get(header)).isdecimal()}
    return counts or None


def _observe(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    call = _open_call(instance, *args, **kwargs)
    return wrapped(*args, **kwargs) if call is None else drive(call, wrapped, args, kwargs)


@guarded
def _open_call(client: Any, operation_name: str, api_params: Mapping[str, Any]) -> BedrockCall | None:
    if operation_name not in BODIES or client.meta.service_model.service_name != SERVICE:
        return None
    scope = innermost() or outside()
    if scope is None or scope.call is not None:
        return None
    return BedrockCall(scope, operation_name, api_params)


def _observe_events(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Let the call hear the events that the program reads."""
    events = wrapped(*args, **kwargs)
    call = held_call(instance)
    return events if call is None or not call.open else Tap(events, call)


def _observe_read(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Let the call hear the bytes that the program reads of a body, and end with the last."""
    data = wrapped(*args, **kwargs)
    call = held_call(instance)
    if call is not None:
        _hear(call, data, whole=not args and kwargs.get("amt") is None)
    return data


def _observe_close(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Finish the call of an answer that is closed before its end."""
    call = held_call(instance)
    if call is not None:
        _end(call)
    return wrapped(*args, **kwargs)


@guarded
def _end(call: Any) -> None:
    call.finish()


@guarded
def _hear(call: Any, data: Any, *, whole: bool) -> None:
    if isinstance(data, bytes) and data:
        call.see(data)
    if whole or not data:
        call.finish()


_HOOKS = (
    ("client", "BaseClient", "_make_api_call", _observe),
    ("eventstream", "EventStream", "__iter__", _observe_events),
    ("eventstream", "EventStream", "close", _observe_close),
    ("response", "StreamingBody", "read", _observe_read),
    ("response", "StreamingBody", "close", _observe_close),
)


def rows() -> Iterator[Row]:
    """Yield the hooks of boto3, which has imported these modules of botocore by now."""
    for module, owner, name, wrapper in _HOOKS:
        if (cls := getattr(importlib.import_module(f"botocore.{module}"), owner, None)) is not None:
            yield Row(cls, name, wrapper, of_library=True)
