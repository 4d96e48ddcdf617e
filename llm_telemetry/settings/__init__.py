"""The settings of `instrument()` and the variables that set them."""
