"""Trino uses a registered location with the role of its registration."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.principals import RoleSession
from twin.providers.lake_formation.locations import RegisteredLocations

REST = {"useClusterDefault": "true"}


def session(role_arn: str) -> RoleSession:
    return RoleSession(arn=role_arn, access_key=f"key of {role_arn}", secret_key="secret", token=None)


def registration(arn: str, **more: str) -> dict[str, Any]:
    return {"ResourceArn": f"arn:aws:s3:::{arn}", **more}


def mapping(prefix: str, role: str) -> dict[str, str]:
    return {"prefix": prefix, "accessKey": f"key of {role}", "secretKey": "secret"}


@pytest.fixture
def locations(tmp_path: Path) -> RegisteredLocations:
    return RegisteredLocations(path=tmp_path / "trino" / "mappings.json", assume=session)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[], list[dict[str, str]]]:
    def read() -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads((tmp_path / "trino" / "mappings.json").read_text())["mappings"]
        return found

    return read


def test_the_longest_registered_location_decides_and_the_rest_is_the_engine_s(
    locations: RegisteredLocations, written: Callable[[], list[dict[str, str]]]
) -> None:
    locations.register(registration("lake", RoleArn="whole"))
    locations.register(registration("lake/closed/", RoleArn="part"))
    assert written() == [mapping("s3://lake/closed/", "part"), mapping("s3://lake/", "whole"), REST]


def test_a_changed_registration_brings_another_role_and_a_removed_one_none(
    locations: RegisteredLocations, written: Callable[[], list[dict[str, str]]]
) -> None:
    locations.register(registration("lake", RoleArn="first"))
    locations.register(registration("lake", RoleArn="second"))
    assert written() == [mapping("s3://lake/", "second"), REST]
    locations.deregister(registration("lake", RoleArn="second"))
    assert written() == [REST]


def test_the_service_s_own_role_is_not_in_the_account(locations: RegisteredLocations, tmp_path: Path) -> None:
    locations.register(registration("lake", UseServiceLinkedRole="true"))
    assert not (tmp_path / "trino").exists()
