"""Tells the events stream what a model has foretold of each customer."""
