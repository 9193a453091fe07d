"""The `clean` application: it turns every sent event into an interaction, a duplicate or a rejection."""
