"""Small servers that answer as vendors' systems do, in their documented wire forms: for tests and the demonstration.

They hold the records that somebody gives them, in pages of few, with tokens that expire and answers that say "later".
"""
