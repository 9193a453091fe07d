"""An action on a resource, as AWS asks for it on a role's behalf."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """An action on a resource.

    Attributes:
        action: for example `kinesis:GetRecords`.
        resource: the ARN of the resource.
    """

    action: str
    resource: str
