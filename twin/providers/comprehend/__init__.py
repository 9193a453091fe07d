"""Comprehend, as far as it names languages, finds personal data by its form, and scores English texts."""
