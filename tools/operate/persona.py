"""How a tool asks Athena as a persona of a deployed environment."""

import os
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from c360_core.names import stack_name
from c360_core.personas import MARKETING_ANALYST, PERSONAS, PersonaDefinition
from ops.deployed_stacks import outputs, stacks
from ops.persona_session import DENIED, persona_session
from tools.errors import WrongUsageError

_ENDPOINT: Final = "AWS_ENDPOINT_URL"


class NotThePersonaError(RuntimeError):
    """Whoever asks may not become the persona; the message says who may."""


def persona_called(name: str) -> PersonaDefinition:
    """Return the persona of a name, as the templates or as its workgroup spells it.

    Raises:
        WrongUsageError: there is none.
    """
    wanted = name.replace("_", "-").lower()
    for persona in PERSONAS:
        if wanted in {persona.name.lower(), str(persona.querier)}:
            return persona
    known = ", ".join(str(persona.querier) for persona in PERSONAS)
    raise WrongUsageError(f"there is no persona `{name}`; there are: {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyst:
    """Somebody who asks as a persona.

    Attributes:
        session: the caller's own.
        athena: a client that asks as the persona.
        s3: a client that reads what the persona may.
        workgroup: in which the persona asks.
        persona: who it is.
    """

    session: Any
    athena: Any
    s3: Any
    workgroup: str
    persona: PersonaDefinition

    @classmethod
    def of(cls, environment: str, persona: PersonaDefinition = MARKETING_ANALYST) -> "Analyst":
        """Become a persona of an environment, as whoever the AWS credentials say.

        Raises:
            WrongUsageError: nothing of the environment is deployed there.
            NotThePersonaError: the caller may not.
        """
        session: Any = boto3.Session()
        found = stacks(session.client("cloudformation"))
        names = [stack_name(environment, one) for one in ("analytics", "governance")]
        said = outputs(found[name] for name in names if name in found)
        if persona.role_output not in said:
            raise WrongUsageError(f"no stack of {environment} is deployed in this account and region: say another one")
        endpoint = os.environ.get(_ENDPOINT)
        try:
            granted: Any = persona_session(session, said[persona.role_output], endpoint=endpoint)
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            message = error.response["Error"].get("Message", str(error))
            raise NotThePersonaError(
                f"you may not ask as {persona.name}: {message}. Those may whom the settings of the environment name "
                "(`governance.marketing_analyst_role_arns`), and whoever may deploy"
            ) from error
        return cls(
            session=session,
            athena=granted.client("athena", endpoint_url=endpoint),
            s3=granted.client("s3", endpoint_url=endpoint),
            workgroup=said[persona.workgroup_output],
            persona=persona,
        )
