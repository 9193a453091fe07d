"""Code of both applications: property groups, allowed options, table definitions, secrets, submission."""
