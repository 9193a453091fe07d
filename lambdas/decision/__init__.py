"""Reads changes of profiles and decides: send a message, defer it, or suppress it."""
