"""Folds the profile-changes stream into the single view; older changes never overtake newer ones."""
