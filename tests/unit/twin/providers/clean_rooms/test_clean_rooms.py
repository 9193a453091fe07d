"""Two parties in a clean room: a partner joins, brings a table and asks; the answers are those of plain sets.

The engine is DuckDB in memory; `tests/engines/trino` asks the same of the twin's own.
"""

import csv
import io
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import duckdb
import pytest

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.providers.clean_rooms import service
from twin.providers.clean_rooms.service import CleanRooms, Place
from twin.providers.clean_rooms.sql import Row

US, PARTNER, STRANGER = "123456789012", "210987654321", "999999999999"
ROOM_ID, OURS = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
ROLE = f"arn:aws:iam::{PARTNER}:role/results"
PEOPLE = 60
CUSTOMERS = [
    (f"h{number}", "CA" if number % 3 else "NY", "gold" if number % 10 == 0 else "basic", number * 10)
    for number in range(PEOPLE)
]
SEEN = [(f"h{number}", "spring", "ad" if number % 2 else "control") for number in range(20, 80)]
OVERLAP = {hash_ for hash_, *_ in CUSTOMERS} & {hash_ for hash_, *_ in SEEN}
TEMPLATE = f"arn:aws:cleanrooms:us-east-1:{US}:membership/{OURS}/analysistemplate/t"
REACH = (
    "SELECT a.variant, COUNT(DISTINCT p.email) AS people, SUM(p.spend) AS spend FROM audience a "
    "JOIN people p ON a.email = p.email WHERE a.campaign = :campaign GROUP BY a.variant"
)
EXACT = "SELECT COUNT(DISTINCT c.email) AS people, SUM(c.spend) AS spend FROM customers c JOIN audience a "


def ident(name: str) -> str:
    """An id as AWS makes one up."""
    return name if name in {ROOM_ID, OURS} else str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def of(kind: str, id_: str, path: str, **properties: Any) -> Resource:
    arn = f"arn:aws:cleanrooms:us-east-1:{US}:{path}"
    return Resource(
        type_name=kind,
        physical_id=ident(id_),
        logical_id=id_,
        stack="s",
        properties=properties,
        attributes={"Arn": arn},
    )


def aggregation(**changed: Any) -> dict[str, Any]:
    stated = {
        "AggregateColumns": [
            {"ColumnNames": ["email"], "Function": "COUNT_DISTINCT"},
            {"ColumnNames": ["spend"], "Function": "SUM"},
        ],
        "JoinColumns": ["email"],
        "JoinRequired": "QUERY_RUNNER",
        "DimensionColumns": ["state", "tier"],
        "ScalarFunctions": [],
        "OutputConstraints": [{"ColumnName": "email", "Minimum": 10, "Type": "COUNT_DISTINCT"}],
    }
    return {"Type": "AGGREGATION", "Policy": {"V1": {"Aggregation": {**stated, **changed}}}}


CUSTOM = {
    "Type": "CUSTOM",
    "Policy": {
        "V1": {
            "Custom": {
                "AllowedAnalyses": [TEMPLATE],
                "DifferentialPrivacy": {"Columns": [{"Name": "email"}]},
            }
        }
    },
}


def configured(name: str, rule: dict[str, Any]) -> Resource:
    return of(
        service.CONFIGURED,
        f"configured-{name}",
        f"configuredtable/configured-{name}",
        Name=name,
        AllowedColumns=["email", "state", "tier", "spend"],
        TableReference={"Glue": {"DatabaseName": "products", "TableName": "shared_people"}},
        AnalysisRules=[rule],
    )


def association(name: str, **properties: Any) -> Resource:
    return of(
        service.ASSOCIATION,
        f"association-{name}",
        f"membership/{OURS}/configuredtableassociation/association-{name}",
        Name=name,
        MembershipIdentifier=OURS,
        ConfiguredTableIdentifier=ident(f"configured-{name}"),
        RoleArn=f"arn:aws:iam::{US}:role/shared",
        **properties,
    )


RESOURCES = [
    of(
        service.COLLABORATION,
        ROOM_ID,
        f"collaboration/{ROOM_ID}",
        Name="room",
        CreatorDisplayName="Brand",
        CreatorMemberAbilities=[],
        Members=[
            {
                "AccountId": PARTNER,
                "MemberAbilities": ["CAN_QUERY", "CAN_RECEIVE_RESULTS"],
                "PaymentConfiguration": {"QueryCompute": {"IsResponsible": "true"}},
            }
        ],
    ),
    of(service.MEMBERSHIP, OURS, f"membership/{OURS}", CollaborationIdentifier=ROOM_ID),
    configured("customers", aggregation()),
    configured("people", CUSTOM),
    association("customers"),
    association("people"),
    of(
        service.TEMPLATE,
        "t",
        f"membership/{OURS}/analysistemplate/t",
        Name="reach",
        Source={"Text": REACH},
        AnalysisParameters=[{"Name": "campaign", "Type": "VARCHAR"}],
    ),
    of(
        service.BUDGET,
        "private",
        f"membership/{OURS}/privacybudgettemplate/private",
        PrivacyBudgetType="DIFFERENTIAL_PRIVACY",
        AutoRefresh="CALENDAR_MONTH",
        Parameters={"Epsilon": "1", "UsersNoisePerQuery": "10"},
    ),
    of(
        service.BUDGET,
        "exact",
        f"membership/{OURS}/privacybudgettemplate/exact",
        PrivacyBudgetType="ACCESS_BUDGET",
        AutoRefresh="CALENDAR_MONTH",
        Parameters={
            "ResourceArn": f"arn:aws:cleanrooms:us-east-1:{US}:membership/{OURS}/configuredtableassociation/"
            + ident("association-customers"),
            "BudgetParameters": [{"Type": "CALENDAR_MONTH", "Budget": "4", "AutoRefresh": "ENABLED"}],
        },
    ),
]


class Duck:
    """A reader whose engine is DuckDB."""

    def __init__(self) -> None:
        self.engine = duckdb.connect()
        self.tables: dict[tuple[str, str], list[str]] = {
            (US, "shared_people"): ["email", "state", "tier", "spend", "name"],
            (PARTNER, "seen"): ["email", "campaign", "variant"],
            (PARTNER, "phones"): ["phone", "campaign", "variant"],
        }
        self.engine.execute("CREATE TABLE shared_people (email TEXT, state TEXT, tier TEXT, spend BIGINT, name TEXT)")
        self.engine.executemany("INSERT INTO shared_people VALUES (?, ?, ?, ?, 'x')", CUSTOMERS)
        self.engine.execute("CREATE TABLE seen (email TEXT, campaign TEXT, variant TEXT)")
        self.fill(SEEN)
        self.opened: list[Place] = []
        self.closed: list[str] = []
        self.written: dict[str, bytes] = {}
        self.logged: list[tuple[str, Mapping[str, Any]]] = []

    def fill(self, rows: Sequence[tuple[str, str, str]]) -> None:
        self.engine.execute("DELETE FROM seen")
        if rows:
            self.engine.executemany("INSERT INTO seen VALUES (?, ?, ?)", rows)

    def columns(self, account: str, database: str, table: str) -> Sequence[str]:
        if (account, table) not in self.tables:
            raise ServiceError("ResourceNotFoundException", f"there is no table {database}.{table}", 404)
        return self.tables[account, table]

    def open(self, place: Place) -> str:
        self.opened.append(place)
        return f'"{place.table}"'

    def run(self, sql: str) -> Sequence[Row]:
        return self.engine.execute(sql).fetchall()

    def close(self, source: str) -> None:
        self.closed.append(source)

    def write(self, role_arn: str, bucket: str, key: str, body: bytes) -> None:
        assert role_arn == ROLE
        self.written[f"s3://{bucket}/{key}"] = body

    def log(self, account: str, membership: str, entry: Mapping[str, Any]) -> None:
        self.logged.append((account, entry))


class World:
    """A collaboration, and the partner as it calls."""

    def __init__(self, resources: Sequence[Resource] = RESOURCES) -> None:
        self.duck, self.now, self.account = Duck(), datetime(2026, 3, 1, tzinfo=UTC), PARTNER
        rooms = CleanRooms(
            deployed=lambda kind: [one for one in resources if one.type_name == kind],
            account=US,
            caller=lambda: f"arn:aws:sts::{self.account}:assumed-role/analyst/a",
            reader=self.duck,
            chance=Random(7),
            clock=lambda: self.now,
        )
        self.wire = Wire("cleanrooms", rooms)
        self.membership = ""

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call as a client does, with the shapes of AWS's own model."""
        answer: dict[str, Any] = self.wire.invoke(operation, request)
        return answer

    def join(self) -> "World":
        [room] = self.call("ListCollaborations")["collaborationList"]
        made = self.call(
            "CreateMembership",
            collaborationIdentifier=room["id"],
            queryLogStatus="ENABLED",
            paymentConfiguration={"queryCompute": {"isResponsible": True}},
            defaultResultConfiguration={
                "outputConfiguration": {"s3": {"resultFormat": "CSV", "bucket": "theirs", "keyPrefix": "answers/"}},
                "roleArn": ROLE,
            },
        )["membership"]
        self.membership = made["id"]
        return self

    def bring(self, name: str = "audience", table: str = "seen", kind: str = "AGGREGATION") -> str:
        columns = self.duck.tables[PARTNER, table]
        made = self.call(
            "CreateConfiguredTable",
            name=name,
            tableReference={"glue": {"databaseName": "marketing", "tableName": table}},
            allowedColumns=columns,
            analysisMethod="DIRECT_QUERY",
        )["configuredTable"]
        counted = {
            "aggregateColumns": [{"columnNames": ["email"], "function": "COUNT"}],
            "joinColumns": ["email"],
            "dimensionColumns": ["campaign", "variant"],
            "scalarFunctions": [],
            "outputConstraints": [{"columnName": "email", "minimum": 2, "type": "COUNT_DISTINCT"}],
        }
        policy = {"aggregation": counted} if kind == "AGGREGATION" else {"custom": {"allowedAnalyses": [TEMPLATE]}}
        self.call(
            "CreateConfiguredTableAnalysisRule",
            configuredTableIdentifier=made["id"],
            analysisRuleType=kind,
            analysisRulePolicy={"v1": policy},
        )
        return str(
            self.call(
                "CreateConfiguredTableAssociation",
                name=name,
                membershipIdentifier=self.membership,
                configuredTableIdentifier=made["id"],
                roleArn=f"arn:aws:iam::{PARTNER}:role/audience",
            )["configuredTableAssociation"]["id"]
        )

    def ask(self, **parameters: Any) -> dict[str, Any]:
        """Ask, wait, and return the query as it ended."""
        made = self.call(
            "StartProtectedQuery", type="SQL", membershipIdentifier=self.membership, sqlParameters=parameters
        )["protectedQuery"]
        for _ in range(500):
            found = self.call(
                "GetProtectedQuery", membershipIdentifier=self.membership, protectedQueryIdentifier=made["id"]
            )["protectedQuery"]
            if found["status"] in {"SUCCESS", "FAILED"}:
                return dict(found)
            time.sleep(0.01)
        raise AssertionError("the query did not end")

    def rows(self, **parameters: Any) -> list[dict[str, str]]:
        found = self.ask(**parameters)
        assert found["status"] == "SUCCESS", found["error"]
        body = self.duck.written[found["result"]["output"]["s3"]["location"]]
        return list(csv.DictReader(io.StringIO(body.decode())))

    def refused(self, **parameters: Any) -> str:
        found = self.ask(**parameters)
        assert found["status"] == "FAILED"
        return str(found["error"]["message"])


def on(query: str = EXACT) -> str:
    return f"{query} ON c.email = a.email"


@pytest.fixture
def world() -> World:
    made = World().join()
    made.bring()
    return made


@pytest.fixture
def private() -> World:
    made = World().join()
    made.bring(kind="CUSTOM")
    return made


def test_an_overlap_is_that_of_the_sets(world: World) -> None:
    [found] = world.rows(queryString=on())
    spend = sum(spend for hash_, _, _, spend in CUSTOMERS if hash_ in OVERLAP)
    assert found == {"people": str(len(OVERLAP)), "spend": str(spend)}
    assert {place.role_arn for place in world.duck.opened} == {
        f"arn:aws:iam::{US}:role/shared",
        f"arn:aws:iam::{PARTNER}:role/audience",
    }
    assert sorted(world.duck.closed) == ['"seen"', '"shared_people"']


def test_groups_that_are_too_small_are_missing_and_nothing_says_so(world: World) -> None:
    query = "SELECT c.tier, COUNT(DISTINCT c.email) AS people FROM customers c JOIN audience a"
    found = world.rows(queryString=f"{query} ON c.email = a.email GROUP BY c.tier")
    gold = {hash_ for hash_, _, tier, _ in CUSTOMERS if tier == "gold"} & OVERLAP
    assert len(gold) == 4
    assert found == [{"tier": "basic", "people": str(len(OVERLAP) - len(gold))}]


def test_a_partner_who_brings_one_person_learns_nothing(world: World) -> None:
    world.duck.fill([("h7", "spring", "ad")])
    assert world.rows(queryString=on()) == []
    world.duck.fill([("h7", f"campaign {number}", "ad") for number in range(50)])
    assert world.rows(queryString=on()) == [], "the same person fifty times"
    world.duck.fill([("h7", "spring", "ad"), *((f"nobody {number}", "spring", "ad") for number in range(50))])
    assert world.rows(queryString=on()) == [], "one customer among strangers"


def test_differencing_works_on_exact_answers_until_the_budget_ends(world: World) -> None:
    """AWS's aggregation rule does not stop it, which is why such a table is coarse and may be asked so often."""
    known = [(f"h{number}", "spring", "ad") for number in range(20, 40)]
    answers = []
    for victim in ("h7", "not a customer"):
        world.duck.fill([*known, (victim, "spring", "ad")])
        [found] = world.rows(queryString=on())
        answers.append(int(found["people"]))
    assert answers == [21, 20]
    world.rows(queryString=on())
    world.rows(queryString=on())
    assert "its access budget of 4 queries is used up until the month ends" in world.refused(queryString=on())
    world.now += timedelta(days=31)
    assert world.rows(queryString=on())


def test_a_refused_query_uses_no_budget(world: World) -> None:
    for _ in range(6):
        assert "not ARRAY_AGG" in world.refused(
            queryString=on("SELECT ARRAY_AGG(c.email) FROM customers c JOIN audience a")
        )
    assert world.rows(queryString=on())
    [budget] = world.call(
        "ListCollaborationPrivacyBudgets", collaborationIdentifier=ROOM_ID, privacyBudgetType="ACCESS_BUDGET"
    )["collaborationPrivacyBudgetSummaries"]
    assert budget["budget"]["accessBudget"]["aggregateRemainingBudget"] == 3


def test_differencing_drowns_in_the_noise_of_a_template(private: World) -> None:
    known = [(f"h{number}", "spring", "ad") for number in range(5, 60)]
    asked = {"analysisTemplateArn": TEMPLATE, "parameters": {"campaign": "spring"}}
    counts: dict[bool, list[int]] = {True: [], False: []}
    for month in range(10):
        for with_her in (True, False):
            private.now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=62 * month + 31 * with_her)
            private.duck.fill([*known, *([("h2", "spring", "ad")] if with_her else [])])
            counts[with_her] += [int(row["people"]) for row in private.rows(**asked)]
    assert len(counts[True]) > 5
    assert len(counts[False]) > 5
    assert min(counts[True]) < max(counts[False]), "one answer does not tell whether she is a customer"
    assert len({*counts[True], *counts[False]}) > 5


def test_a_privacy_budget_ends(private: World) -> None:
    asked = {"analysisTemplateArn": TEMPLATE, "parameters": {"campaign": "spring"}}
    for _ in range(5):
        private.ask(**asked)
    assert "the privacy budget is used up: the query has 2 aggregates, and 0 of 10 are left" in private.refused(**asked)
    [budget] = private.call(
        "ListCollaborationPrivacyBudgets", collaborationIdentifier=ROOM_ID, privacyBudgetType="DIFFERENTIAL_PRIVACY"
    )["collaborationPrivacyBudgetSummaries"]
    assert {one["remainingCount"] for one in budget["budget"]["differentialPrivacy"]["aggregations"]} == {0}


def test_a_template_takes_the_parameters_that_it_declares(private: World) -> None:
    assert "parameter campaign: no value is given" in private.refused(analysisTemplateArn=TEMPLATE)
    wrong = {"campaign": "spring", "other": "x"}
    assert "parameter other: the template has none" in private.refused(analysisTemplateArn=TEMPLATE, parameters=wrong)
    assert "there is no analysis template" in private.refused(analysisTemplateArn=f"{TEMPLATE}x")
    injected = {"campaign": "x' OR '1' = '1"}
    assert private.rows(analysisTemplateArn=TEMPLATE, parameters=injected) == []


def test_a_table_of_another_type_of_rule_is_not_asked_with_it(private: World) -> None:
    assert "takes tables of one type alone" in private.refused(queryString=on())


def test_without_a_privacy_budget_protected_tables_answer_nothing() -> None:
    world = World([one for one in RESOURCES if one.physical_id != ident("private")]).join()
    world.bring(kind="CUSTOM")
    asked = {"analysisTemplateArn": TEMPLATE, "parameters": {"campaign": "spring"}}
    assert "and no budget is set" in world.refused(**asked)


def test_a_partner_s_table_without_the_join_column_is_refused_by_name(world: World) -> None:
    with pytest.raises(ServiceError, match="table calls: aggregateColumns names email, which allowedColumns has not"):
        world.bring("calls", "phones")
    with pytest.raises(ServiceError, match="table t: allowedColumns names email, which the table has not got; it has"):
        world.call(
            "CreateConfiguredTable",
            name="t",
            tableReference={"glue": {"databaseName": "marketing", "tableName": "phones"}},
            allowedColumns=["email"],
            analysisMethod="DIRECT_QUERY",
        )


def test_only_invited_accounts_join_and_each_sees_its_own(world: World) -> None:
    world.account = STRANGER
    assert world.call("ListCollaborations")["collaborationList"] == []
    with pytest.raises(ServiceError, match="999999999999 is not invited"):
        world.call(
            "CreateMembership",
            collaborationIdentifier=ROOM_ID,
            queryLogStatus="ENABLED",
        )
    with pytest.raises(ServiceError, match="there is no membership"):
        world.ask(queryString=on())
    with pytest.raises(ServiceError, match="999999999999 is no member"):
        world.call("ListSchemas", collaborationIdentifier=ROOM_ID)


def test_the_brand_may_not_ask(world: World) -> None:
    world.account = US
    world.membership = OURS
    with pytest.raises(ServiceError, match="member 123456789012 lacks CAN_QUERY"):
        world.ask(queryString=on())


def test_results_go_to_receivers_alone() -> None:
    limit = [{"Type": "AGGREGATION", "Policy": {"V1": {"Aggregation": {"AllowedResultReceivers": [STRANGER]}}}}]
    other = association("customers", ConfiguredTableAssociationAnalysisRules=limit)
    world = World([other if one.physical_id == other.physical_id else one for one in RESOURCES]).join()
    world.bring()
    assert "table customers: 210987654321 may not receive its results" in world.refused(queryString=on())


def test_each_member_sees_the_tables_and_the_templates(world: World) -> None:
    found = world.call("ListSchemas", collaborationIdentifier=ROOM_ID)["schemaSummaries"]
    assert {one["name"]: one["creatorAccountId"] for one in found} == {
        "customers": US,
        "people": US,
        "audience": PARTNER,
    }
    [template] = world.call("ListCollaborationAnalysisTemplates", collaborationIdentifier=ROOM_ID)[
        "collaborationAnalysisTemplateSummaries"
    ]
    assert (template["arn"], template["name"]) == (TEMPLATE, "reach")


def test_a_partner_reads_the_rules_before_it_asks(world: World) -> None:
    found = world.call("GetSchemaAnalysisRule", collaborationIdentifier=ROOM_ID, name="customers", type="AGGREGATION")
    rule = found["analysisRule"]["policy"]["v1"]["aggregation"]
    assert rule["outputConstraints"] == [{"columnName": "email", "minimum": 10, "type": "COUNT_DISTINCT"}]
    with pytest.raises(ServiceError, match="there is no table customers with a rule of type LIST"):
        world.call("GetSchemaAnalysisRule", collaborationIdentifier=ROOM_ID, name="customers", type="LIST")


def test_what_was_asked_is_in_the_log_of_both_and_the_answer_is_not(world: World) -> None:
    world.rows(queryString=on())
    world.refused(queryString=on("SELECT MAX(c.email) FROM customers c JOIN audience a"))
    assert sorted(account for account, _ in world.duck.logged) == [US, US, PARTNER, PARTNER]
    entries = [entry for account, entry in world.duck.logged if account == US]
    assert [entry["status"] for entry in entries] == ["SUCCESS", "FAILED"]
    assert entries[0]["queryText"] == on()
    assert str(len(OVERLAP)) not in str(
        {k: v for k, v in entries[0].items() if k not in {"eventTimestamp", "protectedQueryId"}}
    )


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        (
            "CreateMembership",
            {"collaborationIdentifier": ROOM_ID, "queryLogStatus": "ENABLED"},
            "a member of .* already",
        ),
        (
            "CreateMembership",
            {"collaborationIdentifier": ROOM_ID.replace("1", "3"), "queryLogStatus": "ENABLED"},
            "there is no collaboration",
        ),
        (
            "CreateConfiguredTableAnalysisRule",
            {
                "configuredTableIdentifier": OURS,
                "analysisRuleType": "LIST",
                "analysisRulePolicy": {"v1": {"list": {"joinColumns": ["email"], "listColumns": []}}},
            },
            "there is no configured table",
        ),
        (
            "CreateConfiguredTable",
            {
                "name": "t",
                "tableReference": {"glue": {"databaseName": "marketing", "tableName": "unknown"}},
                "allowedColumns": ["email"],
                "analysisMethod": "DIRECT_QUERY",
            },
            "there is no table marketing.unknown",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    world: World, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ServiceError, match=message):
        world.call(operation, **request_)


def test_a_failure_of_the_engine_is_the_query_s_own(world: World) -> None:
    world.duck.engine.execute("DROP TABLE seen")
    found = world.ask(queryString=on())
    assert (found["status"], found["error"]["code"]) == ("FAILED", "ENGINE_ERROR")
    assert found["error"]["message"] == "the engine could not run the query", "its message would quote values"


def test_dates_are_written_as_text() -> None:
    assert service._as_csv(["day", "n"], [[date(2026, 3, 1), None]]) == b"day,n\r\n2026-03-01,\r\n"
