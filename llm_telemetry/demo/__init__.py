"""A demo to watch: a small GRPO trainer that learns, against a scripted endpoint.

The trainer's side (`trainer`, `policy`, `workflows`, `executor`, `reward`, `grading`, `data`) knows nothing of
telemetry. `models` is what the scripted server of `llm_telemetry.testing` says: it knows of the trainer's side only the
prompts and the items. `run` puts the two together, and `summary` shows what was seen.
"""
