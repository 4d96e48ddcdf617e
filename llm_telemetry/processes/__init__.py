"""Other processes of the same training: how they find the run's owner, what they tell it."""
