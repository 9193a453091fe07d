"""Draws the deployed dashboards as pages: QuickSight's definitions, and the answers of Athena to their questions."""
