"""The operations stack and its parts."""
