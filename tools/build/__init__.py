"""Builds what the templates ship, and makes ready what a command needs."""
