"""What Athena asks of its callers: a persona with its own workgroup tries to read what others asked."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.unit.twin.providers.athena.test_athena import Engine, Store, finished, start
from twin.emulator.calls import Call
from twin.emulator.resource_names import found_by, resources_of
from twin.emulator.wire import ServiceError, Wire
from twin.providers.athena.rights import tables_of, workgroup_arn
from twin.providers.athena.service import Access, Athena, WorkgroupFinder
from twin.providers.athena.statements import parse
from twin.settings import ACCOUNT, REGION

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
CATALOG = f"arn:aws:glue:{REGION}:{ACCOUNT}"


def workgroup(name: str) -> dict[str, Any]:
    encryption = {"EncryptionOption": "SSE_KMS", "KmsKey": KEY}
    result = {"OutputLocation": f"s3://results/athena/{name}/", "EncryptionConfiguration": encryption}
    return {"Name": name, "WorkGroupConfiguration": {"ResultConfiguration": result}}


# What each principal may do: action, resource, and the object for which S3 may use the key.
POLICIES = {
    name: [
        ("s3:PutObject", f"arn:aws:s3:::results/athena/{name}/*", "*"),
        ("s3:GetObject", f"arn:aws:s3:::results/athena/{name}/*", "*"),
        ("kms:*", KEY, f"arn:aws:s3:::results/athena/{name}/*"),
        ("glue:GetDatabase", f"{CATALOG}:database/default", "*"),
        ("glue:Get*", f"{CATALOG}:*/{name}*", "*"),
        ("lakeformation:GetDataAccess", "*", "*"),
    ]
    for name in ("analyst", "stewards")
}


class World:
    """The service, and whoever asks it."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.caller = "analyst"
        self.policies = {name: list(policies) for name, policies in POLICIES.items()}
        self.find: WorkgroupFinder = lambda _: ()
        self.athena = Athena(
            connect=engine.connect,
            client=lambda _: store,
            workgroups=lambda: [workgroup("analyst"), workgroup("stewards")],
            access=Access(caller=lambda: self.caller, require=self.require, authorized_by=self.take),
            named_queries=lambda: [{"Name": "Q", "WorkGroup": "stewards", "QueryString": "select 1", "Database": "d"}],
        )

    def take(self, find: WorkgroupFinder) -> None:
        self.find = find

    def require(self, principal: str, calls: Iterable[Call]) -> None:
        for call in calls:
            stated = (call.context or {}).get("kms:EncryptionContext:aws:s3:arn", "")
            if not any(
                fnmatchcase(call.action, action)
                and fnmatchcase(call.resource, resource)
                and fnmatchcase(stated, encrypted)
                for action, resource, encrypted in self.policies[principal]
            ):
                raise ServiceError(
                    "AccessDeniedException",
                    f"{principal} is not authorized to perform: {call.action} on resource: {call.resource}",
                    403,
                )

    def asks(self, name: str, sql: str) -> Any:
        self.caller = name
        return finished(self.athena, start(self.athena, sql, WorkGroup=name))


@pytest.fixture
def world() -> Iterator[World]:
    made = World(Engine(), Store())
    yield made
    made.athena.close()


def results(world: World, execution: Any) -> Any:
    return Wire("athena", world.athena).invoke("GetQueryResults", {"QueryExecutionId": execution["QueryExecutionId"]})


def test_an_author_reads_the_result_of_a_query(world: World) -> None:
    execution = world.asks("stewards", "select n from stewards.rejected")
    assert execution["Status"]["State"] == "SUCCEEDED", execution
    assert len(results(world, execution)["ResultSet"]["Rows"]) == 4


def test_a_result_of_others_is_refused_even_with_its_id(world: World) -> None:
    execution = world.asks("stewards", "select n from stewards.rejected")
    world.caller = "analyst"
    with pytest.raises(ServiceError, match="analyst is not authorized to perform: s3:GetObject") as refusal:
        results(world, execution)
    assert refusal.value.code == "AccessDeniedException"


def test_the_key_refuses_a_result_of_others_where_s3_would_not(world: World) -> None:
    execution = world.asks("stewards", "select n from stewards.rejected")
    world.caller = "analyst"
    world.policies["analyst"].append(("s3:GetObject", "arn:aws:s3:::results/*", "*"))
    with pytest.raises(ServiceError, match="analyst is not authorized to perform: kms:Decrypt"):
        results(world, execution)


@pytest.mark.parametrize(
    ("request_of", "about"),
    [
        (lambda query: {"QueryExecutionId": query}, ["stewards"]),
        (lambda query: {"QueryExecutionIds": [query]}, ["stewards"]),
        (lambda _: {"WorkGroup": "stewards"}, ["stewards"]),
        (lambda _: {"QueryString": "select 1"}, ["primary"]),
        (lambda _: {"QueryExecutionId": "none"}, []),
    ],
    ids=["one", "several", "named", "no workgroup", "unknown"],
)
def test_a_request_is_about_the_workgroup_of_its_query(world: World, request_of: Any, about: list[str]) -> None:
    query = world.asks("stewards", "select n from stewards.rejected")["QueryExecutionId"]
    assert list(world.find(request_of(query))) == about


def test_a_saved_query_belongs_to_its_workgroup(world: World) -> None:
    (saved,) = Wire("athena", world.athena).invoke("ListNamedQueries", {"WorkGroup": "stewards"})["NamedQueryIds"]
    assert world.find({"NamedQueryId": saved}) == ("stewards",)


def test_the_emulator_authorizes_a_request_on_the_workgroup_of_its_query(world: World) -> None:
    query = world.asks("stewards", "select n from stewards.rejected")["QueryExecutionId"]
    found_by("athena-of-a-test", lambda request: tuple(map(workgroup_arn, world.find(request))))
    arns = resources_of("athena-of-a-test:GetQueryResults", {"QueryExecutionId": query})
    assert arns == (f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/stewards",)


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("select n from stewards.rejected", "glue:GetDatabase"),
        ("unload (select n from analyst.t) to 's3://results/athena/stewards/x/' with (format = 'PARQUET')",
         "s3:PutObject"),
        ("create table analyst.t2 with (external_location = 's3://mine/x/') as select n from analyst.t",
         "s3:PutObject"),
    ],
    ids=["table", "unload", "create"],
)  # fmt: skip
def test_a_query_fails_at_what_its_author_may_not(world: World, sql: str, missing: str) -> None:
    execution = world.asks("analyst", sql)
    assert execution["Status"]["State"] == "FAILED"
    assert f"analyst is not authorized to perform: {missing}" in execution["Status"]["StateChangeReason"]


def test_the_database_default_is_always_looked_up(world: World) -> None:
    world.policies["analyst"] = [one for one in world.policies["analyst"] if "default" not in one[1]]
    reason = world.asks("analyst", "select 1")["Status"]["StateChangeReason"]
    assert "glue:GetDatabase" in reason
    assert "database/default" in reason


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select 1", []),
        ("select a from t join o.u on true", [("d", "t"), ("o", "u")]),
        ("with t as (select 1 as a from o.u) select a from t", [("o", "u")]),
        ('select file_path from o."u$files"', [("o", "u")]),
        ("select table_name from information_schema.tables", []),
        ("insert into o.u select a from t", [("d", "t"), ("o", "u")]),
    ],
)
def test_the_tables_that_a_statement_names_are_looked_up(sql: str, tables: list[tuple[str, str]]) -> None:
    assert tables_of(parse(sql, "d"), "d") == tables
