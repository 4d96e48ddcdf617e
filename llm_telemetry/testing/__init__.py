"""A scripted LLM server with books, to test a trainer and what is told of it: `docs/testing.md`.

It answers OpenAI's chat completions, completions, embeddings and responses, and Anthropic's messages, whole or as
streams, over real HTTP on the loopback interface. It fails as real ones do when it is told to, and knows afterwards
what it has served. Nothing but the standard library is needed; the fixture in `llm_telemetry.testing.fixtures` needs
pytest.
"""

from llm_telemetry.testing.books import Books, Entry, Evaluation, Price
from llm_telemetry.testing.draws import draw, pick
from llm_telemetry.testing.exchange import Reply, Request, Tokens, ToolCall
from llm_telemetry.testing.faults import Faults, Form
from llm_telemetry.testing.server import LLMServer

__all__ = [
    "Books",
    "Entry",
    "Evaluation",
    "Faults",
    "Form",
    "LLMServer",
    "Price",
    "Reply",
    "Request",
    "Tokens",
    "ToolCall",
    "draw",
    "pick",
]
