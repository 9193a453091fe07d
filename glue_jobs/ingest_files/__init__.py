"""Landed files: checked, quarantined where they break their contract, loaded, published as events."""
