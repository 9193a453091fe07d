"""Keeps the one limit that a workgroup is to have: makes it, changes it, and removes any other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from mypy_boto3_redshift_serverless import RedshiftServerlessClient

COMPUTE: Final[Literal["serverless-compute"]] = "serverless-compute"
PERIOD: Final[Literal["daily"]] = "daily"
# No query begins until the next day; running ones end.
BREACH: Final[Literal["deactivate"]] = "deactivate"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLimits:
    """The limits of workgroups.

    Attributes:
        client: of Redshift Serverless.
    """

    client: "RedshiftServerlessClient"

    def ensure(self, workgroup: str, *, hours: int) -> str:
        """Let a workgroup use so many RPU-hours a day, and return the id of the limit.

        Args:
            workgroup: its ARN.
            hours: RPU-hours; after them no query begins until the next day.

        Raises:
            ClientError: the workgroup does not exist, or the function may not limit it.
        """
        kept = ""
        for limit_id, period in self._limits(workgroup):
            if period != PERIOD or kept:
                self.client.delete_usage_limit(usageLimitId=limit_id)
                continue
            kept = limit_id
            self.client.update_usage_limit(usageLimitId=limit_id, amount=hours, breachAction=BREACH)
        if kept:
            return kept
        made = self.client.create_usage_limit(
            resourceArn=workgroup, usageType=COMPUTE, amount=hours, period=PERIOD, breachAction=BREACH
        )
        return str(made["usageLimit"]["usageLimitId"])

    def remove(self, workgroup: str) -> None:
        """Remove the limits of a workgroup; one that is gone has none."""
        for limit_id, _ in self._limits(workgroup):
            try:
                self.client.delete_usage_limit(usageLimitId=limit_id)
            except self.client.exceptions.ResourceNotFoundException:
                continue

    def _limits(self, workgroup: str) -> list[tuple[str, str]]:
        """Return the ids and the periods of a workgroup's limits on computing."""
        try:
            listed = self.client.list_usage_limits(resourceArn=workgroup, usageType=COMPUTE)
        except self.client.exceptions.ResourceNotFoundException:
            return []
        # AWS allows ten limits of a workgroup, which one answer holds.
        return [(one["usageLimitId"], one["period"]) for one in listed.get("usageLimits", ())]
