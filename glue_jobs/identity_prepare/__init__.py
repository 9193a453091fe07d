"""All sources' rows about people, normalised, as records; and the same in the form that the matcher reads."""
