"""Audiences of advertising platforms: segments whose members Google and Meta keep as hashes."""
