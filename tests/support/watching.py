"""Calls as the work of a watched executor, and what has to be counted of them."""

from llm_telemetry.events import ROLES

MESSAGES = [{"role": "user", "content": "2 + 2?"}]
CHAT = {"model": "gpt-4o-mini", "messages": MESSAGES}
STREAM = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": MESSAGES}
TEXT = "The answer is 4, as you can see. Señor ✓"
KINDS = ("prompt", "completion", "cached", "cache_write")


def counted(payload, role="executor"):
    """Calls, errors by kind, retries, calls without usage, and tokens; none of it may be counted elsewhere again."""
    prefix = f"llm/{role}/errors/"
    assert sum(payload.get(f"llm/{other}/calls", 0) for other in ROLES if other != role) == 0
    return {
        "calls": payload.get(f"llm/{role}/calls", 0),
        "errors": {key.removeprefix(prefix): n for key, n in payload.items() if key.startswith(prefix)},
        "retries": payload.get(f"llm/{role}/retries", 0),
        "no_usage": payload.get(f"llm/{role}/no_usage", 0),
        "tokens": {kind: n for kind in KINDS if (n := payload.get(f"tokens/{role}/{kind}"))},
    }


def served(books, *, calls=None, errors=(), retries=0, no_usage=0):
    """The same of the server's books; calls that ended in an error, and unknown usage, are the test's to tell."""
    calls = len(books) - retries if calls is None else calls
    tokens = counts_of(books.tokens())
    return {"calls": calls, "errors": dict(errors), "retries": retries, "no_usage": no_usage, "tokens": tokens}


def counts_of(tokens):
    """The tokens that the server has told, as `counted` gives them."""
    return {kind: n for kind in KINDS if (n := getattr(tokens, kind))}
