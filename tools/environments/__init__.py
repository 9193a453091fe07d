"""The machine, the environments under `.venvs/`, and the hashed files that they are made from."""
