"""Steps, rollouts, rewards, evaluations of a training: opened by hooks, by marks, by hand."""
