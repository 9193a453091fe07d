"""How a name becomes a part of a construct's id."""


def pascal_case(name: str) -> str:
    """Return a name as CDK's ids are written: `identity-changes` and `identity_changes` become `IdentityChanges`."""
    return name.title().replace("_", "").replace("-", "")
