"""The refusal of a whole landed file."""


class RefusedFileError(ValueError):
    """The whole file is refused; `code` is the reason code, and the message is the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
