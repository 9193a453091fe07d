"""The one kind of error that a script explains without a traceback."""


class InputError(ValueError):
    """What a script was given cannot be used; the message names what, and what to do."""
