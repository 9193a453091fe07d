"""What is stored stays readable: ids of columns, and changes between releases."""

import json
from functools import partial

import pytest
import yaml
from typer.testing import CliRunner

from tests.contract.conftest import change_contract
from tools.cli import APP
from tools.console import Steps
from tools.contracts import CONTRACTS_DIRECTORY, ContractsError, commands, load_and_check
from tools.contracts.commands import run
from tools.contracts.ids import id_problems, stated_ids
from tools.contracts.releases import RELEASED_NAME, Effect, assign_ids, compare, read, release

CRM = "crm_contacts.odcs.yaml"
INTERACTIONS = "interactions.odcs.yaml"


USED = (
    "crm_contacts", "duplicates", "identity_records", "interactions", "latest_identity_changes", "loyalty_members",
    "profiles",
)  # fmt: skip


@pytest.fixture
def directory(directory):
    """A copy of the contracts that these tests change, and of their releases: the fewer, the faster."""
    for path in directory.glob("*.odcs.yaml"):
        if path.name.removesuffix(".odcs.yaml") not in {*USED, "events"}:
            path.unlink()
    path = directory / RELEASED_NAME
    released = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({name: released[name] for name in USED}), encoding="utf-8")
    return directory


def columns(contract):
    return contract["schema"][0]["properties"]


def column(contract, name):
    return next(field for field in columns(contract) if field["name"] == name)


def drop_id(field):
    field["customProperties"] = [p for p in field["customProperties"] if p["property"] != "fieldId"]
    if not field["customProperties"]:
        del field["customProperties"]


def set_id(field, number):
    drop_id(field)
    field.setdefault("customProperties", []).append({"property": "fieldId", "value": number})


def insert(contract, name, *, at=1, number=None):
    field = {"name": name, "description": "New.", "logicalType": "string", "required": False, "classification": "none"}
    if number is not None:
        field["customProperties"] = [{"property": "fieldId", "value": number}]
    columns(contract).insert(at, field)


def remove(contract, name):
    columns(contract).remove(column(contract, name))


def ids_of(directory, file):
    return stated_ids(yaml.safe_load((directory / file).read_text(encoding="utf-8")))


def effects(directory):
    contracts = load_and_check(directory, as_released=False).contracts
    return {f"{c.table}.{c.column}": c.effect for c in compare(directory, contracts)}


# ---- ids


def test_a_new_column_causes_no_change(directory):
    before = ids_of(directory, CRM)
    change_contract(directory, CRM, lambda c: insert(c, "title"))

    assert assign_ids(directory) == {CRM: ("title",)}

    after = ids_of(directory, CRM)
    assert after.pop("title") == max(before.values()) + 1
    assert after == before


def test_a_new_list_gets_an_id_for_its_elements(directory):
    def add(contract):
        items = {"description": "One.", "logicalType": "string", "required": True, "classification": "none"}
        insert(contract, "codes")
        column(contract, "codes").update(logicalType="array", items=items)

    change_contract(directory, INTERACTIONS, add)
    assign_ids(directory)

    ids = ids_of(directory, INTERACTIONS)
    assert (ids["codes"], ids["codes.element"]) == (19, 20)
    assert len(set(ids.values())) == len(ids)
    load_and_check(directory)


def test_ids_are_added_line_by_line_and_nothing_else_is_touched(directory):
    path = directory / CRM
    text = path.read_text(encoding="utf-8").replace(
        "      - name: email\n", "      # said by the shop\n      - name: email\n"
    )
    lines = text.splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if "property: fieldId" in line)
    path.write_text("".join(lines[:place] + lines[place + 2 :]), encoding="utf-8")

    assign_ids(directory)

    assert path.read_text(encoding="utf-8") == text


def test_a_column_of_the_last_release_gets_its_id_back(directory):
    change_contract(directory, CRM, lambda c: drop_id(column(c, "email")))

    assign_ids(directory)

    assert ids_of(directory, CRM)["email"] == 4


def test_the_id_of_a_removed_column_is_never_reused(directory):
    change_contract(directory, INTERACTIONS, lambda c: remove(c, "identifiers"))
    highest = max(ids_of(directory, INTERACTIONS).values())
    assert not release(directory, load_and_check(directory).contracts)
    assert read(directory)["interactions"]["retired"] == [17]

    change_contract(directory, INTERACTIONS, lambda c: insert(c, "identifiers"))
    assign_ids(directory)

    assert ids_of(directory, INTERACTIONS)["identifiers"] == highest + 1
    assert effects(directory) == {"interactions.identifiers": Effect.COMPATIBLE}


def test_the_highest_id_stays_taken_when_its_column_goes(directory):
    change_contract(directory, "duplicates.odcs.yaml", lambda c: insert(c, "why", number=4))
    release(directory, load_and_check(directory).contracts)
    change_contract(directory, "duplicates.odcs.yaml", lambda c: remove(c, "why"))
    release(directory, load_and_check(directory).contracts)
    change_contract(directory, "duplicates.odcs.yaml", lambda c: insert(c, "reason"))

    assign_ids(directory)

    assert ids_of(directory, "duplicates.odcs.yaml")["reason"] == 5


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        (lambda c: drop_id(column(c, "email")), "crm_contacts.email.fieldId", "is missing"),
        (lambda c: set_id(column(c, "email"), 0), "crm_contacts.email.fieldId", "`0` is no id"),
        (lambda c: set_id(column(c, "email"), True), "crm_contacts.email.fieldId", "`True` is no id"),
        (lambda c: set_id(column(c, "email"), 5), "crm_contacts.email.fieldId", "more than one column (email, phone)"),
        (lambda c: set_id(column(c, "email"), 17), "crm_contacts.loaded_at.fieldId", "(email, loaded_at)"),
        (lambda c: c["customProperties"].pop(), "crm_contacts.loaded_at.fieldId", "is missing"),
    ],
)
def test_a_wrong_id_is_named_with_its_column(directory, change, field, message):
    contract = yaml.safe_load((directory / CRM).read_text(encoding="utf-8"))
    change(contract)

    problems = {problem.field: problem for problem in id_problems(CRM, contract)}

    assert message in problems[field].message
    change_contract(directory, CRM, change)
    with pytest.raises(ContractsError, match=r"crm_contacts\.odcs\.yaml: .*fieldId"):
        load_and_check(directory)


# ---- releases


def swap(contract):
    first, second = column(contract, "first_name"), column(contract, "last_name")
    first["name"], second["name"] = second["name"], first["name"]


def reuse(contract):
    remove(contract, "phone")
    remove(contract, "email")
    insert(contract, "email", number=7)


def widen(contract):
    column(contract, "amount")["physicalType"] = "decimal(18,2)"
    column(contract, "schema_version")["physicalType"] = "bigint"


CHANGES = {
    "insertion": (CRM, lambda c: insert(c, "title", number=99), {"crm_contacts.title": Effect.COMPATIBLE}),
    "removal": (INTERACTIONS, lambda c: remove(c, "trace_id"), {"interactions.trace_id": Effect.COMPATIBLE}),
    "renaming": (
        INTERACTIONS,
        lambda c: column(c, "trace_id").update(name="trace"),
        {"interactions.trace": Effect.COMPATIBLE},
    ),
    "another order": (INTERACTIONS, lambda c: columns(c).reverse(), {}),
    "widening": (
        INTERACTIONS,
        widen,
        {"interactions.amount": Effect.COMPATIBLE, "interactions.schema_version": Effect.COMPATIBLE},
    ),
    "narrowing": (
        "profiles.odcs.yaml",
        lambda c: column(c, "orders").pop("physicalType"),
        {"profiles.orders": Effect.INCOMPATIBLE},
    ),
    "fewer digits": (
        INTERACTIONS,
        lambda c: column(c, "amount").update(physicalType="decimal(12,2)"),
        {"interactions.amount": Effect.INCOMPATIBLE},
    ),
    "another scale": (
        INTERACTIONS,
        lambda c: column(c, "amount").update(physicalType="decimal(18,4)"),
        {"interactions.amount": Effect.INCOMPATIBLE},
    ),
    "another type": (
        INTERACTIONS,
        lambda c: column(c, "replay_id").update(logicalType="boolean", logicalTypeOptions={}),
        {"interactions.replay_id": Effect.INCOMPATIBLE},
    ),
    "elements of another type": (
        INTERACTIONS,
        lambda c: column(c, "identifier_keys")["items"].update(logicalType="integer", logicalTypeOptions={}),
        {"interactions.identifier_keys.element": Effect.INCOMPATIBLE},
    ),
    "a list no more": (
        INTERACTIONS,
        lambda c: (
            column(c, "identifier_keys").pop("items"),
            column(c, "identifier_keys").update(logicalType="string"),
        ),
        {
            "interactions.identifier_keys": Effect.INCOMPATIBLE,
            "interactions.identifier_keys.element": Effect.COMPATIBLE,
        },
    ),
    "another partition": (
        INTERACTIONS,
        lambda c: c["customProperties"][3].update(value="day(occurred_at)"),
        {"interactions.partition": Effect.INCOMPATIBLE},
    ),
    "another zone": (
        "profiles.odcs.yaml",
        lambda c: c["customProperties"][1].update(value="products"),
        {"profiles.zone": Effect.INCOMPATIBLE},
    ),
    "two columns swapped": (
        "loyalty_members.odcs.yaml",
        swap,
        {"loyalty_members.first_name": Effect.BREAKS_IDS, "loyalty_members.last_name": Effect.BREAKS_IDS},
    ),
    "the id of another column": (
        "identity_records.odcs.yaml",
        reuse,
        {"identity_records.email": Effect.BREAKS_IDS},
    ),
    "a new id": (
        INTERACTIONS,
        lambda c: set_id(column(c, "payload"), 40),
        {"interactions.payload": Effect.BREAKS_IDS},
    ),
}


@pytest.mark.parametrize(("file", "change", "found"), CHANGES.values(), ids=CHANGES.keys())
def test_changes_are_distinguished(directory, file, change, found):
    change_contract(directory, file, change)

    seen = effects(directory)
    assert seen.items() >= found.items()
    bad = {place for place, effect in seen.items() if effect is not Effect.COMPATIBLE}
    assert bad == {place for place, effect in found.items() if effect is not Effect.COMPATIBLE}
    if not bad:
        load_and_check(directory)
        return
    with pytest.raises(ContractsError) as caught:
        load_and_check(directory)
    assert {(problem.file, problem.field) for problem in caught.value.problems} == {(file, place) for place in bad}
    assert all(problem.fix for problem in caught.value.problems)


def test_a_deleted_table_is_released_only_by_name(directory):
    (directory / "duplicates.odcs.yaml").unlink()

    with pytest.raises(ContractsError, match=r"duplicates\.odcs\.yaml: .*the table is gone; .*--anyway"):
        load_and_check(directory)
    contracts = load_and_check(directory, as_released=False).contracts
    assert [change.table for change in release(directory, contracts)] == ["duplicates"]
    assert not release(directory, contracts, anyway=True)
    assert "duplicates" not in read(directory)


def test_a_change_that_breaks_ids_is_never_released(directory):
    change_contract(directory, INTERACTIONS, lambda c: set_id(column(c, "payload"), 40))
    before = (directory / RELEASED_NAME).read_text(encoding="utf-8")
    contracts = load_and_check(directory, as_released=False).contracts

    assert release(directory, contracts, anyway=True)
    assert (directory / RELEASED_NAME).read_text(encoding="utf-8") == before


def test_the_first_release_has_the_positions_that_tables_were_made_with():
    """Before contracts had ids, a column had its place, and elements of lists came after all columns."""
    released = read(CONTRACTS_DIRECTORY)
    for table in load_and_check().contracts.lake_tables():
        ids = [column["id"] for column in released[table.name]["columns"].values()]
        assert ids == list(range(1, len(ids) + 1)), table.name


def test_the_command_says_what_changes(directory, capsys):
    change_contract(directory, INTERACTIONS, lambda c: remove(c, "trace_id"))
    steps = Steps(machine=False)

    assert run(steps, "diff", directory=directory).passed
    assert run(steps, "release", directory=directory).passed
    assert run(steps, "diff", directory=directory).changes == ()
    assert run(steps, "ids", directory=directory).given == ()
    assert json.loads((directory / RELEASED_NAME).read_text(encoding="utf-8"))["interactions"]["retired"] == [7]


def test_another_release_can_be_compared_with(directory, tmp_path):
    release(directory, load_and_check(directory).contracts)
    old = tmp_path / "old.json"
    shown = read(directory)
    del shown["interactions"]["columns"]["payload"]
    old.write_text(json.dumps(shown), encoding="utf-8")

    outcome = run(Steps(machine=False), "diff", directory=directory, previous=old)

    assert [(c.column, c.effect) for c in outcome.changes] == [("payload", Effect.COMPATIBLE)]


@pytest.mark.parametrize(
    ("words", "change", "status"),
    [
        (["diff"], "widening", 0),
        (["diff"], "fewer digits", 1),
        (["diff"], "a new id", 1),
        (["release"], "widening", 0),
        (["release"], "fewer digits", 1),
        (["release"], "a new id", 1),
        (["release", "--anyway"], "fewer digits", 0),
        (["release", "--anyway"], "a new id", 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_command_fails_on_what_is_not_compatible(directory, monkeypatch, words, change, status):
    file, make, found = CHANGES[change]
    change_contract(directory, file, make)
    monkeypatch.setattr(commands, "run", partial(run, directory=directory))

    done = CliRunner().invoke(APP, ["contracts", *words, "--json"])

    assert done.exit_code == status, done.output
    said = {f"{told['table']}.{told['column']}" for told in json.loads(done.stdout)["changes"]}
    assert said == (set() if words[0] == "release" and not status else set(found))


def test_a_map_has_ids_for_its_keys_and_values(directory):
    def without_ids(contract):
        scores = column(contract, "scores")
        for part in (scores, scores["map"]["key"], scores["map"]["value"]):
            drop_id(part)

    stated = load_and_check(directory).contracts.product("profiles").table.field("scores")
    change_contract(directory, "profiles.odcs.yaml", without_ids)

    assert assign_ids(directory) == {"profiles.odcs.yaml": ("scores", "scores.key", "scores.value")}
    contracts = load_and_check(directory).contracts
    assert contracts.product("profiles").table.field("scores") == stated
    release(directory, contracts)
    released = read(directory)["profiles"]["columns"]
    assert [released[name]["type"] for name in ("scores", "scores.key", "scores.value")] == [
        "map", "string", "decimal(18, 6)",
    ]  # fmt: skip
