"""Where the twin keeps things, and how it starts: one frozen value, handed to the emulator process as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from c360_core.names import EnvironmentName
from twin.principals import Principal, RoleSession

if TYPE_CHECKING:
    import boto3

ACCOUNT: Final = "123456789012"
PARTNER_ACCOUNT: Final = "210987654321"  # of the partner with whom the deployment shares a clean room
REGION: Final = "us-east-1"
ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = ROOT / "build"
DEMONSTRATED: Final[EnvironmentName] = "everything"


def account_of(principal: Principal) -> str:
    """Return the account that somebody outside of the deployment belongs to."""
    return PARTNER_ACCOUNT if principal is Principal.PARTNER else ACCOUNT


def python_of(environment: str) -> Path:
    """Return the interpreter of one of the environments under `.venvs/`."""
    return ROOT / ".venvs" / environment / "bin" / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSettings:
    """One run of the twin.

    Attributes:
        home: folder of this run, under `build/`: logs, engine data, state; removed by `destroy`.
        port: loopback port of the emulator.
        environment: the deployed environment, for example `dev`.
        warm: start Kafka and Spark at once instead of on first use.
    """

    home: Path
    port: int
    environment: EnvironmentName = "dev"
    warm: bool = False

    @property
    def endpoint(self) -> str:
        """Address of the emulator. A name, not a number: path-style S3 addresses need it."""
        return f"http://localhost:{self.port}"

    @property
    def logs(self) -> Path:
        """Folder of the log files, one for each process."""
        return self.home / "logs"

    def credentials(self, as_: Principal) -> RoleSession:
        """Return the credentials of somebody outside of the deployment."""
        return RoleSession.of_principal(account_of(as_), as_)

    def connection(self) -> dict[str, str]:
        """Return the variables that point any AWS client at the emulator, without credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client_environment(self, as_: Principal = Principal.ADMINISTRATOR) -> dict[str, str]:
        """Return the variables that point any AWS client at the emulator, as somebody outside of the deployment."""
        return {**self.connection(), **self.credentials(as_).variables()}

    def client(
        self,
        service: str,
        credentials: Mapping[str, str] | None = None,
        *,
        as_: Principal = Principal.ADMINISTRATOR,
    ) -> Any:
        """Return a boto3 client of the emulator.

        Args:
            service: its name in boto3.
            credentials: the environment variables of a role's session.
            as_: who acts, when no credentials are given.
        """
        # Two threads must not make clients of one session at the same time.
        session: Any = self.session(credentials, as_=as_)
        return session.client(service, endpoint_url=self.endpoint)

    def session(
        self, credentials: Mapping[str, str] | None = None, *, as_: Principal = Principal.ADMINISTRATOR
    ) -> "boto3.Session":
        """Return a new boto3 session; its clients need the emulator's endpoint. Arguments as for `client`."""
        import boto3

        keys = credentials or self.credentials(as_).variables()
        return boto3.Session(
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
            region_name=REGION,
        )

    @property
    def credentials_file(self) -> Path:
        """A file for AWS clients, with a profile for everybody outside of the deployment."""
        return self.home / "credentials"

    def save(self) -> Path:
        """Write the settings for the emulator process, and the profiles for AWS clients; return the first file."""
        self.home.mkdir(parents=True, exist_ok=True)
        profiles = (f"[{who}]\n{self._profile(who)}" for who in Principal)
        self.credentials_file.write_text("\n".join(profiles), encoding="utf-8")
        path = self.home / "settings.json"
        path.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")
        return path

    def _profile(self, as_: Principal) -> str:
        return "".join(f"{name.lower()} = {value}\n" for name, value in self.credentials(as_).variables().items())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**values, "home": Path(values["home"])})


def cdk_programs() -> Path:
    """Return the folder of the programs `cdk` and `node`, and of the Python that synthesizes."""
    return python_of("cdk").parent
