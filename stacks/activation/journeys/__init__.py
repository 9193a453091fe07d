"""Journeys: a state machine for each file of `contracts/journeys`, and what lets people in and wakes those who wait."""
