"""From a judge's words and its function's return value to the outcome of an evaluation."""
