"""What LLM clients look like: where a call enters, how answers, tokens, errors are read."""
