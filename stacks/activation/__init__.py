"""The activation stack and its parts."""
