"""Dashboards in QuickSight: what they read, how they look, and who may see them."""
