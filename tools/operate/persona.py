"""How a tool asks Athena as the marketing analyst of a deployed environment."""

import os
from dataclasses import dataclass
from typing import Any, Final

import boto3

from c360_core.names import stack_name
from c360_core.personas import MARKETING_ANALYST
from ops.deployed_stacks import outputs, stacks
from ops.persona_session import persona_session
from tools.errors import WrongUsageError

_ENDPOINT: Final = "AWS_ENDPOINT_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyst:
    """The marketing analyst.

    Attributes:
        session: the caller's own.
        athena: a client that asks as the analyst.
        workgroup: in which the analyst asks.
    """

    session: Any
    athena: Any
    workgroup: str

    @classmethod
    def of(cls, environment: str) -> "Analyst":
        """Become the analyst of an environment, as whoever the AWS credentials say.

        Raises:
            WrongUsageError: nothing of the environment is deployed there.
        """
        session: Any = boto3.Session()
        found = stacks(session.client("cloudformation"))
        names = [stack_name(environment, one) for one in ("analytics", "governance")]
        said = outputs(found[name] for name in names if name in found)
        if MARKETING_ANALYST.role_output not in said:
            raise WrongUsageError(f"no stack of {environment} is deployed in this account and region: say another one")
        endpoint = os.environ.get(_ENDPOINT)
        persona: Any = persona_session(session, said[MARKETING_ANALYST.role_output], endpoint=endpoint)
        return cls(
            session=session,
            athena=persona.client("athena", endpoint_url=endpoint),
            workgroup=said[MARKETING_ANALYST.workgroup_output],
        )
