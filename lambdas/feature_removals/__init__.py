"""Deletes the features of people who are no more."""
