"""Trainers of shapes that this project did not write, held against the books of the server that they ask."""
