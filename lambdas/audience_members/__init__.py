"""Keeps the audiences of advertising platforms: tells each who joins a segment, and first of all who leaves."""
