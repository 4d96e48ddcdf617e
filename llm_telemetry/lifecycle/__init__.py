"""What goes on in a training: steps, rollouts, rewards, evaluations; opened by hooks, by marks, or by hand."""
