"""How a check says that something is wrong, or that it could not ask."""


class CheckFailedError(Exception):
    """What a check found is not as it should be; the message says what."""


class CheckSkippedError(Exception):
    """A check has nothing to ask here; the message says why.

    Attributes:
        fix: what would let it ask; empty if nothing has to change.
    """

    def __init__(self, reason: str, *, fix: str = "") -> None:
        super().__init__(reason)
        self.fix = fix


class CheckWarning(Exception):  # noqa: N818  # it is no error
    """What a check found is worth a look, and may be meant so; the message says what."""
