"""The analytics stack and its parts."""
