"""The rotation of API keys: four steps, each repeatable, after which the key before the current one is still known."""

import io
import json
from typing import Any

import pytest

from c360_core.secret_text import parts
from lambdas.key_rotation import handler
from lambdas.key_rotation.logic import KEY_LENGTH, Step, renewed
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud

OLD = "the-old-key"
NEXT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")


class Manager:
    """Secrets Manager during a rotation: a version is pending before it has a value, as on AWS."""

    def __init__(self, cloud: Cloud, value: str = OLD) -> None:
        self.secrets = cloud.secrets
        created = cloud.secrets.create_secret(Name="till", SecretString=value)
        self.arn, self.first = created["ARN"], created["VersionId"]
        self.valueless: set[str] = set()

    def begin(self, version: str = NEXT) -> str:
        self.valueless.add(version)
        return version

    def describe_secret(self, **request: Any) -> dict[str, Any]:
        described = self.secrets.describe_secret(**request)
        stages = described["VersionIdsToStages"]
        return {"VersionIdsToStages": {**{version: ["AWSPENDING"] for version in self.valueless}, **stages}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.secrets, name)

    def value(self, stage: str) -> str | None:
        try:
            return str(self.secrets.get_secret_value(SecretId=self.arn, VersionStage=stage)["SecretString"])
        except self.secrets.exceptions.ResourceNotFoundException:
            return None


@pytest.fixture
def manager(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager(cloud)
    monkeypatch.setattr(handler.aws, "secrets_manager", lambda: made)
    return made


def do(manager: Manager, *steps: Step, version: str = NEXT) -> None:
    for step in steps:
        event = {"SecretId": manager.arn, "ClientRequestToken": version, "Step": str(step)}
        handler.handle(event, LambdaContext())


def test_a_rotation_makes_a_new_key_current_and_keeps_the_old_one_as_the_previous(manager: Manager) -> None:
    manager.begin()

    do(manager, *Step)

    new = manager.value("AWSCURRENT")
    assert new is not None
    assert (len(new), new.isalnum(), new != OLD) == (KEY_LENGTH, True, True)
    assert manager.value("AWSPREVIOUS") == OLD


def test_nothing_changes_for_anybody_before_the_last_step(manager: Manager) -> None:
    manager.begin()

    do(manager, Step.CREATE, Step.SET, Step.TEST)

    assert (manager.value("AWSCURRENT"), manager.value("AWSPREVIOUS")) == (OLD, None)


def test_every_step_may_be_repeated(manager: Manager) -> None:
    manager.begin()

    do(manager, Step.CREATE)
    pending = manager.value("AWSPENDING")
    do(manager, Step.CREATE, Step.SET, Step.SET, Step.TEST, Step.TEST, Step.FINISH, Step.FINISH, Step.CREATE)

    assert (manager.value("AWSCURRENT"), manager.value("AWSPREVIOUS")) == (pending, OLD)


def test_the_second_rotation_ends_the_first_key(manager: Manager) -> None:
    manager.begin()
    do(manager, *Step)
    first = manager.value("AWSCURRENT")
    later = manager.begin("66666666-7777-4888-8999-000000000000")

    do(manager, *Step, version=later)

    assert manager.value("AWSPREVIOUS") == first
    assert manager.value("AWSCURRENT") not in {OLD, first}


def test_a_schedule_is_tried_out_with_the_test_alone(manager: Manager) -> None:
    manager.begin()

    do(manager, Step.TEST)

    assert manager.value("AWSCURRENT") == OLD


def test_a_version_without_a_value_never_becomes_current(manager: Manager) -> None:
    manager.begin()

    with pytest.raises(ValueError, match="expected a text that is not empty"):
        do(manager, Step.FINISH)

    assert manager.value("AWSCURRENT") == OLD


def test_a_version_that_is_not_pending_is_refused(manager: Manager) -> None:
    with pytest.raises(ValueError, match=f"version {NEXT} is not pending; start another rotation"):
        do(manager, Step.CREATE)


def test_a_secret_without_a_key_cannot_be_rotated(manager: Manager) -> None:
    manager.secrets.put_secret_value(SecretId=manager.arn, SecretString='{"signing_secret": "x"}')
    manager.begin()

    with pytest.raises(ValueError, match="the secret has no field key"):
        do(manager, Step.CREATE)


def test_no_value_is_logged(manager: Manager, log: io.StringIO) -> None:
    manager.begin()

    do(manager, *Step)

    assert "step of a rotation done" in log.getvalue()
    for value in (OLD, str(manager.value("AWSCURRENT"))):
        assert value not in log.getvalue()


@pytest.mark.parametrize(
    ("held", "changed", "kept"),
    [
        (OLD, {"key"}, {}),
        (json.dumps({"key": OLD}), {"key"}, {}),
        (
            json.dumps({"key": OLD, "signing_secret": "s", "owner": "tills"}),
            {"key", "signing_secret"},
            {"owner": "tills"},
        ),
    ],
    ids=["text", "document", "signed"],
)
def test_a_secret_keeps_its_form(held: str, changed: set[str], kept: dict[str, str]) -> None:
    before, after = parts(held), parts(renewed(held))

    assert before.keys() == after.keys() == changed | kept.keys()
    assert all(before[part] != after[part] for part in changed)
    assert {part: after[part] for part in kept} == kept
    assert held.startswith("{") == renewed(held).startswith("{")
