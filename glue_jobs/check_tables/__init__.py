"""Checks the tables of the lake by their contracts and by their own history."""
