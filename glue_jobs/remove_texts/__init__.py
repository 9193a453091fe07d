"""Removes the texts that people changed or took back from the interactions in the lake."""
