"""What a run's numbers say: answers in plain words, in the terminal and as a page, followed live or audited."""
