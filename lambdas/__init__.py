"""The functions: each handler maps an event to one call of its logic and maps the answer back."""
