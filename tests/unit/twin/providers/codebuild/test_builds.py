"""A build runs its commands with the project's role and nobody else's."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.wire import ServiceError
from twin.principals import RoleSession
from twin.providers.codebuild.builds import Builds

ROLE = "arn:aws:iam::123456789012:role/Build"
SESSION = RoleSession(arn="session/build", access_key="of build", secret_key="secret", token="token")
REQUIREMENTS = b"dbt-core==1\n"
PRINT = 'echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN $AWS_ENDPOINT_URL $TARGET"'
STREAM = "arn:aws:logs:us-east-1:123456789012:log-group:builds:log-stream:build"


def project(**changes: Any) -> dict[str, Any]:
    phases = {"install": {"commands": ["exit 1"]}, "build": {"commands": [PRINT]}}
    return {
        "name": "models",
        "serviceRole": ROLE,
        "source": {"location": "assets/source.zip", "buildspec": json.dumps({"phases": phases})},
        "environment": {"environmentVariables": [{"name": "TARGET", "value": "dev"}]},
        **changes,
    }


class Account:
    """A store with the source, and the policies of the one role that trusts CodeBuild."""

    def __init__(self, folder: Path) -> None:
        (folder / "requirements.txt").write_bytes(REQUIREMENTS)
        self.asked: list[tuple[str, str, str]] = []
        self.denied = ""
        self.folder = folder
        self.builds = Builds(
            home=folder,
            requirements=folder / "requirements.txt",
            scratch=folder / "builds",
            assume=self.assume,
            require=self.require,
            client=self.client,
            log_group={"models": "builds"}.get,
            variables={"AWS_ENDPOINT_URL": "http://localhost:1"},
        )

    def assume(self, role_arn: str) -> RoleSession:
        if role_arn != ROLE:
            raise ServiceError("AccessDeniedException", f"codebuild.amazonaws.com may not assume {role_arn}", 403)
        return SESSION

    def require(self, principal: str, action: str, resource: str, _context: object) -> None:
        self.asked.append((principal, action, resource))
        if action == self.denied:
            raise ServiceError("AccessDeniedException", f"{principal} may not {action}", 403)

    def client(self, service: str, credentials: Mapping[str, str]) -> "Account":
        assert (service, credentials) == ("s3", SESSION.variables())
        return self

    def download_file(self, bucket: str, key: str, path: str) -> None:
        assert (bucket, key) == ("assets", "source.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("requirements.txt", REQUIREMENTS)

    def build(self, **changes: Any) -> dict[str, Any]:
        record: dict[str, Any] = {"id": "models:1", "phases": []}
        self.builds.execute(record, project(**changes))
        return record

    def log(self) -> str:
        return (self.folder / "builds" / "models-1" / "build.log").read_text(encoding="utf-8").strip()


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the emulator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the emulator")
    return Account(tmp_path)


def test_commands_see_the_role_s_credentials_and_not_the_emulator_s(account: Account) -> None:
    assert account.build()["buildStatus"] == "SUCCEEDED"
    assert account.log() == "of build secret token http://localhost:1 dev"


def test_variables_of_the_project_do_not_replace_the_role_s_credentials(account: Account) -> None:
    stolen = [{"name": "AWS_ACCESS_KEY_ID", "value": "test"}, {"name": "TARGET", "value": "dev"}]
    account.build(environment={"environmentVariables": stolen})
    assert account.log().startswith("of build secret token")


def test_the_role_lets_codebuild_write_the_log(account: Account) -> None:
    account.build()
    assert account.asked == [
        (SESSION.arn, "logs:CreateLogStream", STREAM),
        (SESSION.arn, "logs:PutLogEvents", STREAM),
    ]
    account.denied = "logs:PutLogEvents"
    failed = account.build()
    assert failed["buildStatus"] == "FAILED"
    assert failed["phases"][0]["contexts"][0]["message"] == "session/build may not logs:PutLogEvents"


def test_a_role_that_does_not_trust_codebuild_fails_the_build(account: Account) -> None:
    failed = account.build(serviceRole="arn:aws:iam::123456789012:role/Other")
    assert failed["buildStatus"] == "FAILED"
    assert "may not assume" in failed["phases"][0]["contexts"][0]["message"]
