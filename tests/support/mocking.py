"""respx for the openai SDK, whichever HTTP stack it stands on: `with openai_api() as api: api.post(…)`."""

import importlib
import json

import httpx
import openai
import respx
from respx.mocks import HTTPCoreMocker

BASE_URL = "http://llm.test/v1"
_CORE = "httpcore2" if int(openai.__version__.split(".")[0]) >= 3 else "httpcore"  # either may be installed besides


class OpenAIMocker(HTTPCoreMocker):
    """The HTTP stack of openai 3 is a continuation of httpx under other names; respx knows only the old ones."""

    name = "openai"
    targets = [target.replace("httpcore.", f"{_CORE}.") for target in HTTPCoreMocker.targets]  # noqa: RUF012 - respx's

    @classmethod
    def from_sync_httpx_response(cls, httpx_response, target, **kwargs):
        return importlib.import_module(_CORE).Response(
            status=httpx_response.status_code,
            headers=httpx_response.headers.raw,
            content=httpx_response.stream,
            extensions=httpx_response.extensions,
        )


def openai_api(**settings):
    """Answer requests to `BASE_URL` from the routes that the test gives."""
    return respx.mock(using="openai", base_url=BASE_URL, **settings)


def usage(prompt=10, completion=5, cached=None, reasoning=None):
    """The usage of a chat completion."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning is not None:
        counts["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return counts


def chat_body(text="4", *, model="gpt-4o-mini", finish="stop", message=None, **fields):
    """The body of a chat completion; `usage` may be given, or be `None`."""
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {"index": 0, "finish_reason": finish, "message": message or {"role": "assistant", "content": text}}
        ],
        "usage": usage(),
        **fields,
    }


def chat(text="4", **fields):
    """A chat completion as an HTTP answer."""
    return httpx.Response(200, json=chat_body(text, **fields))


def chat_stream(*texts, model="gpt-4o-mini", tokens=None):
    """A streamed chat completion as an HTTP answer; the last chunk has the usage when `tokens` is given."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
    chunks = [{**chunk, "choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    if tokens is not None:
        chunks.append({**chunk, "choices": [], "usage": tokens})
    lines = [f"data: {json.dumps(one)}\n\n" for one in chunks] + ["data: [DONE]\n\n"]
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode())


def failure(status, **headers):
    """An HTTP error that the SDK may retry at once."""
    return httpx.Response(status, headers={"retry-after-ms": "1", **headers}, json={"error": {"message": "no"}})
