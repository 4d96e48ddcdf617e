"""What LLM clients look like: where a call enters, and how its answer, tokens and errors are read."""
