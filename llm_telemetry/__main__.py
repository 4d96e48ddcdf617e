"""`python -m llm_telemetry` is the command `llm-telemetry`."""

from __future__ import annotations

from llm_telemetry.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
