"""What both applications need: property groups, allowed options, table definitions, secrets, submission."""
