"""Writes the tiers of members back to the loyalty system, when their segments change."""
