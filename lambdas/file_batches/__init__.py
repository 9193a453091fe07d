"""Landed files become few runs of the ingestion."""
