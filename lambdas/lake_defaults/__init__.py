"""Revokes what Lake Formation's defaults grant to everybody whom IAM allows."""
