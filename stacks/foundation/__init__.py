"""The foundation stack and its parts."""
