"""STS: MiniStack asks for an identity policy also where a trust policy names the caller's role.

On AWS either is enough within one account: who is named there needs no further permission to assume the role. One that
names only the account leaves it to the caller's policies. MiniStack has both rules, for the policies of resources.
"""

from typing import Any, Final

from twin.settings import TwinSettings

LOOKUP: Final = "trust_policy_for_arn"


def install(_settings: TwinSettings) -> None:
    """Let a trust policy count as the policy of its role."""
    from ministack.core import iam_evaluator
    from ministack.services import iam

    setattr(iam, LOOKUP, trust_policy)
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["sts"] = ("iam", LOOKUP)


def trust_policy(role_arn: str) -> tuple[Any, str] | None:
    """Return the trust policy of a role and the account that owns the role; None if there is no such role."""
    from ministack.services import iam

    parts = role_arn.split(":", 5)
    account, resource = parts[4], parts[5]
    role = iam._roles.get_scoped(account, None, resource.rpartition("/")[2])
    return None if role is None else (role["AssumeRolePolicyDocument"], account)
