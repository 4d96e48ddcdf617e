"""Steps, rollouts, rewards and evaluations: by hand."""
