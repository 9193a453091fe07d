"""Writes the profile-changes stream to the single view; an older change never replaces a newer one."""
