"""Puts on the event bus what changes in the single view: segments, consents, outcomes of messages."""
