"""What a trainer looks like: one module for each kind."""
