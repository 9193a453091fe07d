"""Runs the notebooks of the repository from outside of a studio, as the role of a persona's notebooks."""
