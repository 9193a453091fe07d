"""Tells subscribers what goes over the event bus, by signed webhooks."""
