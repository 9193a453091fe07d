"""Rotates the API keys of sources."""
