"""Serves applications from the single view, and takes their customers' consents."""
