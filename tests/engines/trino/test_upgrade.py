# the statements are literals of these tests
"""A release changes a table that is full; every engine reads the old rows and the new ones right."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack
from tools.contracts import CONTRACTS_DIRECTORY, load_and_check
from tools.contracts.releases import Effect, assign_ids, compare, release
from twin.settings import ROOT, python_of

NAME = "tryouts"
EXPECTED = [
    {"key": "old", "note": None, "points": 7, "price": "12.30", "tags": ["a", "b"], "label": "first"},
    {
        "key": "new",
        "note": "here",
        "points": 3_000_000_000,
        "price": "99999999999999.99",
        "tags": [],
        "label": "second",
    },
]


def column(name: str, kind: str, physical: str | None = None, **more: Any) -> dict[str, Any]:
    stated = {"name": name, "description": f"The {name}.", "logicalType": kind, "required": False}
    return stated | {"classification": "none"} | ({"physicalType": physical} if physical else {}) | more


def tags() -> dict[str, Any]:
    items = {"description": "A tag.", "logicalType": "string", "required": True, "classification": "none"}
    return column("tags", "array", items=items)


def first(directory: Path) -> None:
    """Release A: a contract like that of the profiles, with columns of its own and yet without ids."""
    contract = yaml.safe_load((directory / "profiles.odcs.yaml").read_text(encoding="utf-8"))
    contract |= {"name": NAME, "id": f"c360-{NAME}"}
    [table] = contract["schema"]
    table["name"] = NAME
    table["properties"] = [
        column("key", "string", required=True),
        column("points", "integer"),
        column("gone", "string"),
        tags(),
        column("price", "number", "decimal(6,2)"),
        column("name", "string"),
    ]
    (directory / f"{NAME}.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")


def second(contract: dict[str, Any]) -> None:
    """Release B: one column inserted, one renamed, one removed, two widened, and all of them in another order."""
    columns = {field["name"]: field for field in contract["schema"][0]["properties"]}
    columns["name"]["name"] = "label"
    columns["points"]["physicalType"] = "bigint"
    columns["price"]["physicalType"] = "decimal(18,2)"
    order = ["key", "note", "price", "points", "tags", "name"]
    contract["schema"][0]["properties"] = [columns.get(name) or column("note", "string") for name in order]


@pytest.fixture(scope="module")
def contracts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("upgrade") / "contracts"
    shutil.copytree(CONTRACTS_DIRECTORY, directory)
    return directory


def template(directory: Path) -> str:
    table = load_and_check(directory).contracts.product(NAME).table
    resources = {key: value for key, value in lake.of_table(table).items() if value["Type"] == "AWS::Glue::Table"}
    for resource in resources.values():
        del resource["DependsOn"]
    return json.dumps({"Resources": resources})


@pytest.fixture(scope="module")
def upgraded(stack: Stack, contracts_folder: Path) -> Iterator[Stack]:
    """The table of release A with a row, then of release B with another."""
    formation = stack.client("cloudformation")
    first(contracts_folder)
    assign_ids(contracts_folder)
    formation.create_stack(StackName=NAME, TemplateBody=template(contracts_folder))
    formation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    assert not release(contracts_folder, load_and_check(contracts_folder).contracts)
    stack.query(
        f"INSERT INTO {lake.CURATED}.{NAME} (key, points, gone, tags, price, name) "
        "VALUES ('old', 7, 'lost', array['a', 'b'], decimal '12.30', 'first')"
    )
    path = contracts_folder / f"{NAME}.odcs.yaml"
    contract = yaml.safe_load(path.read_text(encoding="utf-8"))
    second(contract)
    path.write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    assert assign_ids(contracts_folder) == {f"{NAME}.odcs.yaml": ("note",)}
    formation.update_stack(StackName=NAME, TemplateBody=template(contracts_folder))
    formation.get_waiter("stack_update_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    stack.query(
        f"INSERT INTO {lake.CURATED}.{NAME} (key, note, price, points, tags, label) "
        "VALUES ('new', 'here', decimal '99999999999999.99', 3000000000, array[], 'second')"
    )
    yield stack
    formation.delete_stack(StackName=NAME)


def test_the_changes_are_named_and_none_of_them_damages_the_table(upgraded: Stack, contracts_folder: Path) -> None:
    changes = compare(contracts_folder, load_and_check(contracts_folder).contracts)
    assert {change.column: change.effect for change in changes} == dict.fromkeys(
        ("gone", "label", "note", "points", "price"), Effect.COMPATIBLE
    )


def of_trino(stack: Stack) -> list[dict[str, Any]]:
    columns = "key, note, points, cast(price AS varchar), json_format(cast(tags AS json)), label"
    rows = stack.query(f"SELECT {columns} FROM {lake.CURATED}.{NAME} ORDER BY key DESC")
    return [
        {
            "key": r[0],
            "note": r[1],
            "points": int(r[2] or 0),
            "price": r[3],
            "tags": json.loads(r[4] or ""),
            "label": r[5],
        }
        for r in rows
    ]


def of_pyiceberg(stack: Stack) -> list[dict[str, Any]]:
    from pyiceberg.catalog.glue import GlueCatalog

    endpoint = stack.settings.endpoint
    places: dict[str, Any] = {"glue.endpoint": endpoint, "s3.endpoint": endpoint, "s3.region": "us-east-1"}
    rows = GlueCatalog("twin", **places).load_table((lake.CURATED, NAME)).scan().to_arrow().to_pylist()
    plain = [row | {"price": str(row["price"])} for row in rows]
    return sorted(plain, key=lambda row: str(row["key"]), reverse=True)


def of_process(engine: str) -> Callable[[Stack], list[dict[str, Any]]]:
    """Spark and Flink have environments of their own, and so read in a process of their own."""

    def read(stack: Stack) -> list[dict[str, Any]]:
        script = Path(__file__).with_name(f"read_with_{engine}.py")
        command = [str(python_of(engine)), str(script), stack.settings.endpoint, str(stack.settings.home)]
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*command, lake.CURATED, NAME], env=variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return sorted(rows, key=lambda row: str(row["key"]), reverse=True)

    return read


@pytest.mark.parametrize(
    "rows_of",
    [of_trino, of_pyiceberg, of_process("spark"), of_process("flink")],
    ids=["trino", "pyiceberg", "spark", "flink"],
)
def test_every_engine_reads_old_and_new_rows_right(
    upgraded: Stack, rows_of: Callable[[Stack], list[dict[str, Any]]]
) -> None:
    assert rows_of(upgraded) == list(EXPECTED)
