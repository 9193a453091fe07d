"""The unification stack and its parts."""
