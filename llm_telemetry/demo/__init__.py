"""A demo to watch: a small GRPO trainer that learns, and a scripted OpenAI-compatible server with books.

The trainer's side (`trainer`, `policy`, `workflows`, `executor`, `reward`, `grading`, `data`) knows nothing
of telemetry. The server's side (`server`, `desk`, `answers`, `faults`, `wire`, `books`) knows of the trainer's
only the prompts and the items, and tells who asks from the request itself.
"""
