"""What trainers look like: which of their functions are steps, rollouts, rewards, judges."""
