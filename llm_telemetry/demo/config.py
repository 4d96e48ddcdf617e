"""The demo's settings, and how its clients reach the endpoint."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit


def slowness() -> float:
    """Return how many times longer everything may take while the machine has other work: 1 where it has none."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1.0, load / (os.cpu_count() or 1))


@dataclass(frozen=True)
class DemoConfig:
    """Settings of one training run; the endpoint's URL is all that is needed."""

    base_url: str
    api_key: str = "demo"  # the scripted server takes any
    executor_model: str = "gpt-4o-mini"  # the workflows ask it
    judge_model: str = "gpt-4.1-mini"  # judges answers, and extracts them from prose
    seed: int = 0  # of everything that the trainer draws
    steps: int = 12
    batch_size: int = 12  # items in a step
    group_size: int = 5  # rollouts of each item
    concurrency: int = 8  # rollouts under way at once
    # Seconds until a workflow is cancelled. The judge blocks the loop and that time counts, too, so it must be far more
    # than `concurrency` answers take: only hung calls may be cancelled, or two runs from one seed would differ.
    workflow_timeout: float = field(default_factory=lambda: 2.0 * slowness())
    max_retries: int = 2  # the SDK's own
    learning_rate: float = 1.0  # of the policy's logits
    defect_rate: float = 0.04  # of the workflows, written with a mistake in the code
    val_every: int = 4  # steps between validations; 0 for none
    val_samples: int = 36  # items in a validation, one rollout each
    oom_at_step: int | None = None  # the step whose first attempt runs out of memory after its rollouts

    def __post_init__(self) -> None:
        """Reject what cannot work."""
        for name in ("steps", "batch_size", "group_size", "concurrency", "workflow_timeout"):
            if getattr(self, name) <= 0:
                raise ValueError(f"DemoConfig.{name} must be above 0, not {getattr(self, name)!r}")

    @property
    def rollouts(self) -> int:
        """Return the number of rollouts in the whole run, for a progress bar; a repeated step is left out."""
        validations = self.steps // self.val_every if self.val_every else 0
        return self.steps * self.batch_size * self.group_size + validations * self.val_samples


def http_options(base_url: str) -> Any:
    """Return the options of the SDK's HTTP clients: proxies of the environment are not for the loopback."""
    return {"verify": _tls(), "trust_env": urlsplit(base_url).hostname not in ("127.0.0.1", "localhost")}


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once: it takes 25 ms, and every workflow has a client of its own."""
    return ssl.create_default_context()
