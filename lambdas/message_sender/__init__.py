"""Sends one message of one decision at most once, if the person still wants it."""
