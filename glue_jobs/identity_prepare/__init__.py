"""Normalises the rows about people from all sources and writes them as records and as the matcher's input."""
