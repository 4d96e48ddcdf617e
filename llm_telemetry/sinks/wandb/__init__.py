"""The W&B sink: payloads ride in rows of the trainer's own run."""
