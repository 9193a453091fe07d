"""Vendors' systems: connections, flows of Amazon AppFlow, and who looks at runs that fail."""
