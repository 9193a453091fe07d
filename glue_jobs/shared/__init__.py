"""What the jobs share: arguments, lake tables, data quality, quarantine, streams."""
