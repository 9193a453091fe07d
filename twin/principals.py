"""Who makes requests to the twin: the people and programs outside of the deployment, and their credentials.

The roles that the templates define are not here: the services assume those. Nobody uses the account's root.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self


class Principal(StrEnum):
    """Somebody outside of the deployment, by the name of their role."""

    ADMINISTRATOR = "administrator"
    """Bootstraps the account, and looks at everything."""
    DEPLOYER = "deployer"
    """Deploys: may assume the roles of the CDK's bootstrap and do nothing else."""
    OPERATOR = "operator"
    """Does what the runbooks say: starts applications and state machines, gives keys to sources, replays."""
    SOURCE = "source"
    """A system that puts events on the stream and files into the landing bucket."""
    APPLICATION = "application"
    """An application that reads the profile API."""
    PARTNER = "partner"
    """Another company with an account of its own, which compares its customers with ours in a clean room."""
    EMULATOR = "emulator"
    """The emulator's own stand-ins and engines, for what AWS does inside its services."""


SESSION: Final = "laptop"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSession:
    """Temporary credentials of a role.

    Attributes:
        arn: of the session: `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
        token: the session's token; None in a pair of keys without one.
    """

    arn: str
    access_key: str
    secret_key: str
    token: str | None

    @classmethod
    def of(cls, account: str, role: str, session: str, *, token: bool = True) -> Self:
        """Return the credentials of a role's session: the same ones for the same role and session, by a rule.

        The emulator keeps no secrets, so nothing is gained by chance, and each process can work them out for itself.
        """
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
        digest = _digest(f"{arn}/{token}")
        return cls(
            arn=arn,
            access_key=f"ASIA{digest[:16].upper()}",
            secret_key=_digest(f"secret:{digest}"),
            token=_digest(f"token:{digest}") if token else None,
        )

    @classmethod
    def of_principal(cls, account: str, principal: Principal) -> Self:
        """Return the credentials of somebody outside of the deployment.

        Those of the emulator have no token, because Trino's catalog cannot be given one.
        """
        return cls.of(account, principal, SESSION, token=principal is not Principal.EMULATOR)

    def variables(self) -> dict[str, str]:
        """Return the credentials as the environment variables that every AWS client reads."""
        keys = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return keys if self.token is None else {**keys, "AWS_SESSION_TOKEN": self.token}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
