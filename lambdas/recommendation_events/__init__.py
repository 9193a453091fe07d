"""Tells Personalize what people buy and look at, as it happens."""
