"""Recommendations from the lake: the EASE model, and what Amazon Personalize is given to train on."""
