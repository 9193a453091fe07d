"""The single customer view: its table, its one writer and its API."""
