"""The one error of the catalog's parts."""


class CatalogError(ValueError):
    """A request or a template that the catalog refuses; `code` is Glue's name for the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
