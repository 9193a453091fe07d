"""The governance stack and its parts."""
