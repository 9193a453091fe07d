"""Watches profiles change and decides: a message, a message later, or silence."""
