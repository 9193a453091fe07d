"""Groups landed files into runs of the ingestion."""
