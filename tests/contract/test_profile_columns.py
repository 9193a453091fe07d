"""A column of a profile is one edit of its contract: everything that knows columns follows."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from c360_core import projections
from c360_core.contracts import Contracts
from c360_core.names import Stream
from c360_core.profile import Profile
from c360_core.profile_change import profile_from_change
from c360_core.profile_columns import ProfileColumns
from c360_core.profile_document import profile_document
from c360_core.profile_item import profile_from_item, profile_to_item
from c360_core.segment import FieldType, profile_fields
from flink_apps.shared.properties import StreamProperties, StreamProvider
from flink_apps.unify import pipeline
from flink_apps.unify.derivations import additions, results
from flink_apps.unify.tables import stream_tables
from tests.contract.conftest import change_contract
from tests.factories.profiles import profile_change
from tools.contracts import ContractsError, load_and_check, main, marts
from tools.contracts.releases import assign_ids

FILE = "profiles.odcs.yaml"
TRIAL = "dollar_orders"


def column(name: str = TRIAL, **custom: Any) -> dict[str, Any]:
    """A column as somebody writes it, without an id."""
    properties = {
        "profilePart": "aggregates",
        "derivation": {"fold": "count", "when": "event_type = 'order_placed' AND currency = 'USD'"},
        "mart": "shown",
    } | custom
    return {
        "name": name,
        "description": "Orders in US dollars.",
        "logicalType": "integer",
        "physicalType": "bigint",
        "required": False,
        "classification": "none",
        "customProperties": [
            {"property": key, "value": value} for key, value in properties.items() if value is not None
        ],
    }


def added(field: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """Put the column in the middle of the others: its id, and not its place, says that it is the newest."""
    return lambda contract: contract["schema"][0]["properties"].insert(25, field)


@pytest.fixture
def trial(directory: Path) -> Contracts:
    """The contracts with the trial column, by the steps of CONTRIBUTING.md."""
    change_contract(directory, FILE, added(column()))
    assert assign_ids(directory) == {FILE: (TRIAL,)}
    return load_and_check(directory).contracts


def test_the_record_the_single_view_and_the_api_have_the_column(trial: Contracts) -> None:
    columns = ProfileColumns.of(trial.product("profiles").table)

    profile = profile_from_change(profile_change(**{TRIAL: 3}), position="1", columns=columns)

    assert isinstance(profile, Profile)
    assert profile.aggregates[TRIAL] == 3
    assert profile_from_item(profile_to_item(profile), columns=columns) == profile
    document: dict[str, Any] = profile_document(profile, link_templates={}, columns=columns)
    assert document["aggregates"][TRIAL] == 3


def test_unify_computes_and_writes_the_column(trial: Contracts) -> None:
    fields = trial.product("profiles").table.fields

    [addition] = [place for place in additions(fields) if place.name == TRIAL]
    assert addition.array == "counts"
    assert addition.value == "CASE WHEN event_type = 'order_placed' AND currency = 'USD' THEN 1 END"
    assert results(fields)[TRIAL] == f"`{TRIAL}`"
    assert (TRIAL, "BIGINT") in pipeline.profile_change_columns(trial.product("profiles").table)
    streams = StreamProperties(
        provider=StreamProvider.KAFKA,
        region="us-east-1",
        names={stream: stream.value for stream in Stream},
        arns={},
        bootstrap_servers="localhost:9092",
    )
    assert any(f"`{TRIAL}` BIGINT" in statement for statement in stream_tables(trial, streams))


def test_the_lake_has_the_column_as_its_newest(trial: Contracts) -> None:
    table = trial.product("profiles").table

    newest = projections.iceberg_schema(table)["Fields"][-1]
    assert (newest["Name"], newest["Type"], newest["Id"]) == (TRIAL, "long", table.field(TRIAL).field_id)
    assert projections.spark_type(table.field(TRIAL)) == "BIGINT"
    assert projections.lakeformation_tags(table)[TRIAL] == "none"


def test_a_segment_may_ask_for_the_column(trial: Contracts) -> None:
    assert profile_fields(trial.product("profiles").table)[TRIAL] is FieldType.INTEGER


def test_the_marts_have_the_column(trial: Contracts, directory: Path, tmp_path: Path) -> None:
    project = tmp_path / "sql"
    shutil.copytree(marts.SQL_DIRECTORY, project, ignore=shutil.ignore_patterns("target", "logs"))
    arguments = ["--directory", str(directory), "--output", str(tmp_path / "contracts.json"), "--sql", str(project)]

    assert main([*arguments, "--check"]) == 1, "what is written does not have it yet"
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0

    macros = (project / "macros" / "profile_columns.sql").read_text()
    assert f"cast({{{{ row }}}}.{TRIAL} as bigint) as {TRIAL}" in macros
    assert macros.count(f"{{{{ row }}}}.{TRIAL}") == 3, "read, kept, and shown with the customer"
    described = f'- {{name: {TRIAL}, data_type: bigint, description: "Orders in US dollars."}}'
    assert described in (project / "models" / "intermediate" / "intermediate.yml").read_text()
    assert described in (project / "models" / "marts" / "marts.yml").read_text()


def test_the_models_show_the_columns_of_the_macros() -> None:
    models = marts.SQL_DIRECTORY / "models"

    states = (models / "intermediate" / "profile_states.sql").read_text()
    assert "{{ profile_columns_of_lake('p') }}" in states
    assert states.count("{{ profile_columns('") == 2
    customers = (models / "marts" / "customer_360.sql").read_text()
    assert "{{ profile_attributes('p') }}" in customers
    assert "{{ profile_facts('p') }}" in customers


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        ({"profilePart": "sums"}, "profilePart: `sums` is unknown"),
        ({"profilePart": "links", "derivation": None}, "identity resolution says nothing of it"),
        ({"derivation": None}, "derivation: is missing"),
        ({"derivation": {"fold": "total"}}, "derivation.fold: `total` is unknown"),
        ({"derivation": {"fold": "count", "of": "amount"}}, "derivation.of: means nothing to a count"),
        ({"derivation": {"fold": "latest", "of": "shipped_at"}}, "derivation.of: an interaction has no `shipped_at`"),
        ({"derivation": {"fold": "newest", "of": "payload.mood"}}, "no event has `payload.mood` in its payload"),
        ({"derivation": {"fold": "count", "when": "event_type ="}}, "is not SQL"),
        ({"derivation": {"fold": "count", "when": "shop = 1"}}, "derivation.when: an interaction has no `shop`"),
        ({"derivation": "count"}, "derivation: `count` is none"),
        ({"derivation": {"fold": "count", "by": "payload.score"}}, "derivation.by: goes with newest_of_each"),
        (
            {"derivation": {"fold": "newest_of_each", "of": "payload.value", "by": "payload.mood"}},
            "derivation.by: no event",
        ),
        ({"mart": "hidden"}, "mart: `hidden` is unknown"),
        ({"mart": "masked"}, f"there is no macro `masked_{TRIAL}`"),
    ],
)
def test_a_column_that_nobody_can_compute_or_show_is_refused(
    directory: Path, custom: dict[str, Any], message: str
) -> None:
    change_contract(directory, FILE, added(column(**custom, fieldId=50)))

    with pytest.raises(ContractsError) as refused:
        load_and_check(directory)

    assert f"{FILE}: profiles.{TRIAL}" in str(refused.value)
    assert message in str(refused.value)


def test_the_marts_show_nothing_sensitive(directory: Path) -> None:
    change_contract(
        directory, FILE, added({**column(consentPurpose="service", fieldId=50), "classification": "sensitive"})
    )

    with pytest.raises(ContractsError, match="the marts show nothing that is sensitive"):
        load_and_check(directory)
