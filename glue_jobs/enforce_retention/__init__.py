"""Deletes rows of the lake that are older than their contract allows."""
