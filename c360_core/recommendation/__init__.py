"""Recommendations of articles, the same whoever computes the scores: Amazon Personalize or the lake."""
