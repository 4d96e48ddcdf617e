"""What trainers look like: which functions of theirs are steps, rollouts, rewards and judges."""
