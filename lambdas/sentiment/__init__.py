"""Reads what customers wrote, as it comes in, and has Amazon Comprehend say how happy they sound."""
