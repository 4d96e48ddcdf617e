"""Parts whose calls go out in one of several ways; the library is imported when it is used."""

import os

BODY = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}


def by_httpx(url):
    import httpx  # noqa: PLC0415

    httpx.post(f"{url}/v1/messages", json=BODY).raise_for_status()


def by_requests(url):
    import requests  # noqa: PLC0415

    requests.post(f"{url}/v1/messages", json=BODY, timeout=5).raise_for_status()


def by_anthropic(url):
    import anthropic  # noqa: PLC0415

    with anthropic.Anthropic(base_url=url, api_key="k") as client:
        client.messages.create(**BODY)


class Executor:
    def execute(self, problem):
        globals()[f"by_{os.environ['BY']}"](os.environ["BASE_URL"])
        return "4"


class RewardComputer:
    def compute_reward(self, problem, prediction):
        return 1.0 if prediction == "4" else 0.0


def execute(problem):
    """Run in a worker."""
    return Executor().execute(problem)
