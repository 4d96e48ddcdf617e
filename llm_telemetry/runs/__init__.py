"""A run on disk and in W&B: where it lies, what an earlier process left, what W&B has lost."""
