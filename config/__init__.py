"""Settings of the deployment: read when the templates are synthesised, never at run time."""
