"""Settings of governance: Lake Formation."""

from pydantic import Field

from config.shared import Slice


class GovernanceSettings(Slice):
    """Lake Formation."""

    manage_lake_formation: bool = Field(
        default=True,
        description="Own the account's Lake Formation settings; switch off in an account shared with others",
    )
    admin_role_arns: tuple[str, ...] = Field((), description="Lake Formation administrators beside the deployment role")
