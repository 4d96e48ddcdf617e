"""The owner of what changes: takes events, matches rewards to rollouts, makes payloads."""
