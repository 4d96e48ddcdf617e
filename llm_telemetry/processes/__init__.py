"""Other processes of the same training: how they find the owner of the run, and what they tell it."""
