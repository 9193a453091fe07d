"""Resolves records and the matcher's groups to persons, and publishes what changed."""
