"""The collection stack and its parts."""
