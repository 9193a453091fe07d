"""Turns what SES reports about a message into events, an outcome in the single view, and refusals."""
