"""A persona is assumed directly by whom it trusts, and else through the role that starts deployments."""

from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from ops.persona_session import persona_session

PERSONA = "arn:aws-cn:iam::123456789012:role/Analyst"
DEPLOYER = "arn:aws-cn:iam::123456789012:role/cdk-hnb659fds-deploy-role-123456789012-cn-north-1"


class Sts:
    """STS, with the roles that each caller may assume; a caller is known by its access key."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, trusted: dict[str, set[str]]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.endpoints: set[str | None] = set()
        self._trusted = trusted
        sts = self

        class Session(boto3.Session):
            def client(self, service: str, **options: Any) -> Any:  # type: ignore[override]
                assert service == "sts"
                sts.endpoints.add(options["endpoint_url"])
                return Caller(sts, cast("Any", self.get_credentials()).access_key)

        monkeypatch.setattr(boto3, "Session", Session)

    def assume(self, caller: str, role: str) -> dict[str, Any]:
        self.asked.append((caller, role))
        if role not in self._trusted.get(caller, set()):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"{caller}: {role}"}}, "AssumeRole")
        return {"Credentials": {"AccessKeyId": role, "SecretAccessKey": "s", "SessionToken": "t"}}


class Caller:
    """A client of STS."""

    def __init__(self, sts: Sts, key: str) -> None:
        self._sts, self._key = sts, key

    def assume_role(self, **given: str) -> dict[str, Any]:
        return self._sts.assume(self._key, given["RoleArn"])


def caller() -> boto3.Session:
    return boto3.Session(aws_access_key_id="maria", aws_secret_access_key="s", region_name="cn-north-1")


def test_whom_the_persona_trusts_assumes_it_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    sts = Sts(monkeypatch, {"maria": {PERSONA, DEPLOYER}})

    session = persona_session(caller(), PERSONA, endpoint="http://127.0.0.1:1")

    assert sts.asked == [("maria", PERSONA)]
    assert sts.endpoints == {"http://127.0.0.1:1"}
    assert cast("Any", session.get_credentials()).access_key == PERSONA
    assert session.region_name == "cn-north-1"


def test_who_may_deploy_goes_through_the_deployers_role(monkeypatch: pytest.MonkeyPatch) -> None:
    sts = Sts(monkeypatch, {"maria": {DEPLOYER}, DEPLOYER: {PERSONA}})

    persona_session(caller(), PERSONA)

    assert sts.asked == [("maria", PERSONA), ("maria", DEPLOYER), (DEPLOYER, PERSONA)]


def test_nobody_else_gets_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    Sts(monkeypatch, {})

    with pytest.raises(ClientError, match=f"maria: {PERSONA}"):
        persona_session(caller(), PERSONA)
