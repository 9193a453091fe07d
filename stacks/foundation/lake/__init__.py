"""The lake: buckets, catalog, Lake Formation settings, job encryption."""
