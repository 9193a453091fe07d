"""How a check says that something is wrong, or that there is nothing to ask."""


class CheckFailedError(Exception):
    """What a check found is not as it should be; the message says what."""


class CheckSkippedError(Exception):
    """A check has nothing to ask here; the message says why."""
