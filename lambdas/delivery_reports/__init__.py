"""Turns what a channel reports about a message into events, an outcome in the single view, and refusals."""
