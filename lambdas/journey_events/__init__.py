"""Wakes people who wait in journeys, when something happens that they wait for."""
