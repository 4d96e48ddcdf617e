"""`LLM_TELEMETRY=1`: how a program's trainers are found and watched without an edit."""
