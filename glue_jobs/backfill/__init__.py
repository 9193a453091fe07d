"""Puts the interactions of past days on their stream again, as history."""
