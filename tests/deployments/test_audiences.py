"""Advertising platforms keep whom the lake names: the deployed machines, with platforms that fail as real ones do."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from c360_core.names import TableName, Zone, database_name, zone_stack
from tests.deployments.small_dev import ENVIRONMENT, SmallDev
from twin.emulator import emulator
from twin.settings import BUILD
from twin.vendors.google_audiences import GoogleAudiencesServer
from twin.vendors.meta_audiences import MetaAudiencesServer

SEGMENT = "high_spenders"
ACCOUNT, GOOGLE, META = "12", "34", "56"
# People by name, each with an address and a number; the tests work out from it whom a platform should have.
PEOPLE = {f"person{number}": f"+1415555{number:04}" for number in range(7)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def in_google(names: Iterable[str]) -> set[tuple[str, str]]:
    """Return what Google should have of people: addresses, and numbers with the plus sign."""
    return {
        one
        for name in names
        for one in (("emailAddress", digest(f"{name}@mail.org")), ("phoneNumber", digest(PEOPLE[name])))
    }


def in_meta(names: Iterable[str]) -> set[tuple[str, str]]:
    """Return what Meta should have: addresses, and the digits of numbers."""
    return {
        one
        for name in names
        for one in (("EMAIL", digest(f"{name}@mail.org")), ("PHONE", digest(PEOPLE[name].removeprefix("+"))))
    }


class World:
    """`dev` with an audience on each platform, and the table that dbt builds otherwise."""

    def __init__(
        self, running: emulator.Emulator, folder: Path, google: GoogleAudiencesServer, meta: MetaAudiencesServer
    ) -> None:
        self.dev, self.google, self.meta = SmallDev(running, folder), google, meta
        shared = {"segment": SEGMENT, "account": ACCOUNT}

        def change(values: dict[str, Any]) -> None:
            values.setdefault("analytics", {})["nightly_models"] = True
            values.setdefault("activation", {})["audiences_poll_seconds"] = 1
            values["activation"]["audiences"] = [
                {**shared, "name": "google", "platform": "google", "audience_id": GOOGLE, "secret": "c360/google",
                 "url": google.address},
                {**shared, "name": "meta", "platform": "meta", "audience_id": META, "secret": "c360/meta",
                 "url": meta.address},
            ]  # fmt: skip

        self.dev.deploy(change, "activation", zone_stack(Zone.PRODUCTS))
        secrets = self.dev.client("secretsmanager")
        signed_in = {"client_id": "c", "client_secret": "s", "refresh_token": google.consent}
        signed_in["token_uri"] = f"{google.address}/token"
        secrets.create_secret(Name="c360/google", SecretString=json.dumps(signed_in))
        secrets.create_secret(Name="c360/meta", SecretString=json.dumps({"access_token": meta.new_token()}))

    def build(self, names: Iterable[str], segment: str = SEGMENT) -> None:
        """Say whom the lake names, in place of those before; somebody of another segment is there, too."""
        rows = [
            {"segment": segment_, "kind": kind, "google_sha256": google, "meta_sha256": meta, "is_shared": True}
            for segment_, people in ((segment, names), ("midwest", ["person6"]))
            for name in people
            for kind, google, meta in (
                ("email", digest(f"{name}@mail.org"), digest(f"{name}@mail.org")),
                ("phone", digest(PEOPLE[name]), digest(PEOPLE[name].removeprefix("+"))),
            )
        ]
        table = self.dev.lake().load_table((database_name(ENVIRONMENT, Zone.PRODUCTS), TableName.SHARED_AUDIENCES))
        table.overwrite(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))

    def run(self, name: str) -> str:
        """Run the machine of an audience to its end; return how it ended."""
        ended = self.dev.ended(self.dev.output("activation", f"Audience{name.title()}StateMachineArn"))
        return str(ended["status"])

    def held(self, audience: str) -> set[str]:
        """Return the hashes that the table has of an audience."""
        pages = self.dev.client("dynamodb").get_paginator("query").paginate(
            TableName=self.dev.output("activation", "AudienceMembersTableName"),
            KeyConditionExpression="audience = :audience",
            ExpressionAttributeValues={":audience": {"S": audience}},
        )  # fmt: skip
        return {item["member"]["S"].partition("#")[2] for page in pages for item in page["Items"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        GoogleAudiencesServer(account=ACCOUNT, audience=GOOGLE, calls_per_token=1) as google,
        MetaAudiencesServer(audience=META) as meta,
        emulator.running(BUILD / "twin" / "audiences") as started,
    ):
        yield World(started, tmp_path_factory.mktemp("audiences"), google, meta)


def test_platforms_have_whom_the_lake_names_and_lose_who_leaves_even_if_a_removal_fails_first(world: World) -> None:
    agreed = ["person0", "person1", "person2", "person3", "person4"]
    world.build(agreed)
    assert (world.run("google"), world.run("meta")) == ("SUCCEEDED", "SUCCEEDED")
    assert world.google.members == in_google(agreed)
    assert world.meta.members == in_meta(agreed)

    still = ["person0", "person1", "person2", "person5"]
    world.build(still)
    world.google.fails = ["PARTIAL_SUCCESS"]  # of the removal, which goes first
    assert world.run("google") == "FAILED", "somebody who must not be there is left"
    assert in_google(still) < world.google.members
    # The alarm looks at what the table says: whoever is left is not forgotten.
    assert {sha256 for _, sha256 in world.google.members} <= world.held(f"google#{ACCOUNT}#{GOOGLE}")

    world.build(["person1"])
    assert (world.run("google"), world.run("meta")) == ("SUCCEEDED", "SUCCEEDED")
    assert world.google.members == in_google(["person1"])
    assert world.meta.members == in_meta(["person1"])
    assert HTTPStatus.UNAUTHORIZED in world.google.statuses, "a token expired on the way"
    assert world.held(f"google#{ACCOUNT}#{GOOGLE}") == {sha256 for _, sha256 in world.google.members}
    assert world.held(f"meta#{ACCOUNT}#{META}") == {sha256 for _, sha256 in world.meta.members}
