"""Real TRL: tiny models, real training steps, judges over HTTP on the loopback interface."""
