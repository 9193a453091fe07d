"""How queries reach tables: under the role of each association, and a partner's by a copy that goes again."""

import io
from collections.abc import Mapping
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from twin.emulator.wire import ServiceError
from twin.principals import RoleSession
from twin.providers.clean_rooms.reading import TwinReader
from twin.providers.clean_rooms.rights import reading_calls
from twin.providers.clean_rooms.service import Place

US, PARTNER = "123456789012", "210987654321"
OURS = Place(account=US, database="products", table="shared_people", role_arn=f"arn:aws:iam::{US}:role/shared")
THEIRS = Place(account=PARTNER, database="marketing", table="audience", role_arn=f"arn:aws:iam::{PARTNER}:role/theirs")


class MissingError(Exception):
    """Glue's answer for a table that is not there."""


class Glue:
    exceptions = type("Exceptions", (), {"EntityNotFoundException": MissingError})

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        if Name == "unknown":
            raise MissingError
        columns = [{"Name": "email", "Type": "string"}, {"Name": "seen_on", "Type": "date"}]
        storage = {"Columns": columns, "Location": f"s3://{DatabaseName}/{Name}", "SerdeInfo": {}}
        return {"Table": {"Name": Name, "StorageDescriptor": storage, "Parameters": {"classification": "parquet"}}}


class Store:
    """S3 with one file of the partner's."""

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []

    def get_paginator(self, _: str) -> Any:
        listed = [{"Contents": [{"Key": "audience/part.parquet", "Size": 1}]}]
        return type("Pages", (), {"paginate": lambda *_, **__: listed})()

    def get_object(self, **_: str) -> dict[str, Any]:
        body = io.BytesIO()
        rows = [{"email": "it's", "seen_on": "2026-03-01"}, {"email": None, "seen_on": None}]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), body)
        return {"Body": io.BytesIO(body.getvalue())}

    def put_object(self, **stated: Any) -> None:
        self.put.append(stated)


class World:
    """A reader, and what it did."""

    def __init__(self, *, sees: bool = True) -> None:
        self.statements: list[tuple[str, str]] = []
        self.required: list[tuple[str, str, str]] = []
        self.assumed: list[str] = []
        self.refreshed: list[str] = []
        self.sees, self.store = sees, Store()
        self.reader = TwinReader(
            account=US,
            assume=self._assume,
            require=lambda principal, action, resource, _: self.required.append((principal, action, resource)),
            clients=self._client,
            owner=lambda name, _: self._client(name, {}),
            connect=self._connect,
            user_of=lambda arn: arn.split("/")[1],
            before_query=self.refreshed.append,
        )

    def _assume(self, role_arn: str) -> RoleSession:
        self.assumed.append(role_arn)
        return RoleSession.of(role_arn.split(":")[4], role_arn.rpartition("/")[2], "protected-query")

    def _client(self, service: str, _: Mapping[str, str]) -> Any:
        return {"glue": Glue(), "s3": self.store}[service]

    def _connect(self, user: str) -> Any:
        world = self

        class Cursor:
            def execute(self, sql: str) -> None:
                world.statements.append((user, sql))
                if not world.sees and user != "twin":
                    raise PermissionError("Access Denied: Cannot select from columns")

            def fetchall(self) -> list[list[int]]:
                return [[1]]

            def close(self) -> None:
                """Nothing is open."""

        return type("Connection", (), {"cursor": lambda _: Cursor(), "close": lambda _: None})()


def test_a_table_of_the_lake_is_opened_as_the_role_of_its_association() -> None:
    world = World()
    assert world.reader.open(OURS) == '"awsdatacatalog"."products"."shared_people"'
    assert world.assumed == [OURS.role_arn]
    assert world.refreshed == ["shared"]
    assert world.statements == [("shared", 'SELECT * FROM "awsdatacatalog"."products"."shared_people" LIMIT 0')]
    asked = {(action, resource) for _, action, resource in world.required}
    assert asked == {
        (call.action, call.resource)
        for call in reading_calls(US, "products", "shared_people", "s3://products/shared_people")
    }
    assert ("s3:GetObject", "arn:aws:s3:::products/shared_people/data/part.parquet") in asked
    assert ("lakeformation:GetDataAccess", "*") in asked


def test_a_table_that_lake_formation_hides_from_the_role_is_not_read() -> None:
    world = World(sees=False)
    with pytest.raises(PermissionError):
        world.reader.open(OURS)


def test_a_partner_s_table_is_copied_with_its_types_and_dropped_again() -> None:
    world = World()
    source = world.reader.open(THEIRS)
    assert world.assumed == [THEIRS.role_arn]
    made, filled = (sql for _, sql in world.statements)
    assert made == f'CREATE TABLE {source} ("email" varchar, "seen_on" date)'
    assert filled.endswith(
        "VALUES (CAST('it''s' AS varchar), CAST('2026-03-01' AS date)), (CAST(NULL AS varchar), CAST(NULL AS date))"
    )
    world.reader.close(source)
    assert world.statements[-1] == ("twin", f"DROP TABLE IF EXISTS {source}")
    world.reader.close('"awsdatacatalog"."products"."shared_people"')
    assert len(world.statements) == 3, "a table of the lake is not dropped"


def test_a_result_is_written_under_the_role_of_the_receiver() -> None:
    world = World()
    world.reader.write(THEIRS.role_arn, "answers", "q/result.csv", b"n\n1\n")
    assert world.assumed == [THEIRS.role_arn]
    assert [(one["Bucket"], one["Key"]) for one in world.store.put] == [("answers", "q/result.csv")]


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(ServiceError, match=r"there is no table marketing\.unknown"):
        World().reader.columns(PARTNER, "marketing", "unknown")
    assert World().reader.columns(PARTNER, "marketing", "audience") == ["email", "seen_on"]
