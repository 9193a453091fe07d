"""The commands for a deployed environment."""
