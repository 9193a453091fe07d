"""Names as construct ids."""


def pascal_case(name: str) -> str:
    """Return a name as a construct id: `identity-changes` and `identity_changes` become `IdentityChanges`."""
    return name.title().replace("_", "").replace("-", "")
