"""The owner of what changes: it takes events, matches rewards to rollouts, and makes the payloads."""
