"""Whether the judge is well and the budget is kept, and how that is told."""
