"""What has been released of the contracts, and what a change would do to the tables that are out there.

`contracts/released.json` says which columns each table of the lake has had, and under which ids. A change is compared
with it: one after which the files of the lake would be read wrongly, or not at all, is refused with the fix.
`./c360 contracts release` rewrites the file; that belongs to the commit that is deployed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from c360_core.contracts import Contracts, Field, Table
from c360_core.names import reference_table
from c360_core.projections import field_id, iceberg_type
from tools.contracts.ids import assign, assign_reference
from tools.contracts.standard import SUFFIX, Problem

RELEASED_NAME: Final = "released.json"
Snapshot = Mapping[str, Any]


class Effect(StrEnum):
    """What a change does to tables that are deployed and full."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    BREAKS_IDS = "id-breaking"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange:
    """One difference between what is released and the contracts; `fix` is empty where nothing need be done."""

    table: str
    column: str
    effect: Effect
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.effect}: {self.table}.{self.column}: {self.message}" + (f"; {self.fix}" if self.fix else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column of the snapshot, or the elements of one."""

    name: str
    number: int
    type: str


# ---- the snapshot


def snapshot(contracts: Contracts, *, before: Snapshot | None = None) -> dict[str, Any]:
    """Return what is to be remembered of a release.

    Args:
        contracts: the compiled contracts.
        before: the release before; the ids of columns that were removed since stay taken.
    """
    return {table.name: _table(table, (before or {}).get(table.name)) for table in contracts.lake_tables()}


def as_json(released: Snapshot) -> str:
    """Return the text of the file: a line for each column, so that a change is a line."""
    tables = []
    for name, table in sorted(released.items()):
        columns = ",\n".join(
            f"   {json.dumps(path)}: {json.dumps(column)}" for path, column in table["columns"].items()
        )
        rest = "".join(f"  {json.dumps(key)}: {json.dumps(table[key])},\n" for key in ("zone", "partition", "retired"))
        tables.append(f' {json.dumps(name)}: {{\n{rest}  "columns": {{\n{columns}\n  }}\n }}')
    return "{\n" + ",\n".join(tables) + "\n}\n"


def read(directory: Path) -> dict[str, Any] | None:
    """Return the last release of a folder of contracts, or None before the first."""
    path = directory / RELEASED_NAME
    if not path.exists():
        return None
    released: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return released


def _table(table: Table, before: Mapping[str, Any] | None) -> dict[str, Any]:
    found = sorted(_columns(table), key=lambda column: column.number)
    ids = {column.number for column in found}
    earlier = {*before["retired"], *(column["id"] for column in before["columns"].values())} if before else set()
    return {
        "zone": table.zone.value,
        "partition": table.partition,
        "retired": sorted(earlier - ids),
        "columns": {column.name: {"id": column.number, "type": column.type} for column in found},
    }


def _columns(table: Table) -> Iterator[_Column]:
    for field in table.fields:
        yield from _flat(field, field.name)


def _flat(field: Field, name: str) -> Iterator[_Column]:
    yield _Column(name=name, number=field_id(field), type=_released_type(field))
    if field.map_key is not None:
        yield from _flat(field.map_key, f"{name}.key")
    if field.items is not None:
        yield from _flat(field.items, f"{name}.{'element' if field.map_key is None else 'value'}")


def _released_type(field: Field) -> str:
    if field.map_key is not None:
        return "map"
    return "list" if field.items is not None else iceberg_type(field)


# ---- differences


def changes(released: Snapshot, current: Snapshot) -> tuple[TableChange, ...]:
    """Return what differs, table by table, the worst of each table first."""
    found = [change for name in sorted({*released, *current}) for change in _of_table(name, released, current)]
    order = list(reversed(Effect))
    return tuple(sorted(found, key=lambda change: (change.table, order.index(change.effect), change.column)))


def release_problems(released: Snapshot | None, contracts: Contracts) -> list[Problem]:
    """Return the changes that must not be deployed, as problems of their contracts."""
    if released is None:
        return []
    return [
        Problem(
            file=f"{change.table}{SUFFIX}",
            field=f"{change.table}.{change.column}",
            message=f"{change.effect} change since the last release: {change.message}",
            fix=change.fix,
        )
        for change in changes(released, snapshot(contracts, before=released))
        if change.effect is not Effect.COMPATIBLE
    ]


def _of_table(name: str, released: Snapshot, current: Snapshot) -> Iterator[TableChange]:
    before, after = released.get(name), current.get(name)
    if before is None:
        yield TableChange(table=name, column="-", effect=Effect.COMPATIBLE, message="the table is new")
    elif after is None:
        fix = f"bring the contract back, or run `./c360 contracts release --anyway` to give {name} up"
        yield TableChange(table=name, column="-", effect=Effect.INCOMPATIBLE, message="the table is gone", fix=fix)
    else:
        yield from _of_place(name, before, after)
        yield from _of_columns(name, before, after)


def _of_place(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[TableChange]:
    for what in ("zone", "partition"):
        if before[what] != after[what]:
            message = f"was `{before[what]}` and is `{after[what]}`, which no update does to a table that is there"
            fix = f"put `{before[what]}` back, or publish a table of another name"
            yield TableChange(table=name, column=what, effect=Effect.INCOMPATIBLE, message=message, fix=fix)


def _of_columns(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[TableChange]:
    names = {column["id"]: path for path, column in before["columns"].items()}
    now = {column["id"] for column in after["columns"].values()}
    for path, column in after["columns"].items():
        known = before["columns"].get(path)
        if known is not None and known["id"] != column["id"]:
            message = f"has the id {column['id']}; its values are stored under {known['id']}"
            fix = f"write `fieldId: {known['id']}` again"
            yield TableChange(table=name, column=path, effect=Effect.BREAKS_IDS, message=message, fix=fix)
        elif known is not None:
            yield from _of_type(name, path, known["type"], column["type"])
        elif column["id"] in before["retired"]:
            message = f"has the id {column['id']} of a column that is gone: it would show that column's values"
            fix = "take the id out, and run `./c360 contracts ids`"
            yield TableChange(table=name, column=path, effect=Effect.BREAKS_IDS, message=message, fix=fix)
        elif column["id"] in names:
            yield from _of_renaming(name, names[column["id"]], path, before, after)
        else:
            message = f"is new, with the id {column['id']}; it is empty in older rows"
            yield TableChange(table=name, column=path, effect=Effect.COMPATIBLE, message=message)
    for number, path in names.items():
        if number not in now and path not in after["columns"]:
            message = f"is gone; its id {number} stays taken"
            yield TableChange(table=name, column=path, effect=Effect.COMPATIBLE, message=message)


def _of_renaming(
    name: str, old: str, new: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[TableChange]:
    """The id of a name that is still there is taken; that of a removed one makes this a renaming."""
    number = after["columns"][new]["id"]
    if old in after["columns"]:
        message = f"has the id {number} of `{old}`: it would show that column's values"
        fix = "take the id out, and run `./c360 contracts ids`"
        yield TableChange(table=name, column=new, effect=Effect.BREAKS_IDS, message=message, fix=fix)
        return
    yield TableChange(table=name, column=new, effect=Effect.COMPATIBLE, message=f"was called `{old}`")
    yield from _of_type(name, new, before["columns"][old]["type"], after["columns"][new]["type"])


def _of_type(name: str, path: str, before: str, after: str) -> Iterator[TableChange]:
    if before == after:
        return
    if is_wider(before, after):
        message = f"is widened from {before} to {after}"
        yield TableChange(table=name, column=path, effect=Effect.COMPATIBLE, message=message)
        return
    message = f"was {before} and is {after}, which stored values are not"
    fix = f"make it {before} again, and give what is new a column of its own"
    yield TableChange(table=name, column=path, effect=Effect.INCOMPATIBLE, message=message, fix=fix)


def is_wider(before: str, after: str) -> bool:
    """Whether Iceberg reads values of one type as the other: int as long, decimals with more digits of equal scale."""
    if (before, after) == ("int", "long"):
        return True
    digits = [kind.removeprefix("decimal(").removesuffix(")").split(", ") for kind in (before, after)]
    if not (before.startswith("decimal(") and after.startswith("decimal(")):
        return False
    (precision, scale), (new_precision, new_scale) = digits
    return scale == new_scale and int(new_precision) >= int(precision)


# ---- commands


def compare(directory: Path, contracts: Contracts, *, previous: Path | None = None) -> tuple[TableChange, ...]:
    """Return the changes since the last release of a folder, or since another snapshot."""
    released = json.loads(previous.read_text(encoding="utf-8")) if previous else read(directory)
    return changes(released or {}, snapshot(contracts, before=released))


def release(directory: Path, contracts: Contracts, *, anyway: bool = False) -> Sequence[TableChange]:
    """Write the snapshot of the contracts as they are, and return the changes that forbid it; then nothing is written.

    Args:
        directory: the folder of the contracts.
        contracts: the compiled contracts.
        anyway: take incompatible changes, too. What breaks ids is never taken.
    """
    before = read(directory)
    found = changes(before or {}, snapshot(contracts, before=before))
    forbidden = {Effect.BREAKS_IDS} if anyway else {Effect.BREAKS_IDS, Effect.INCOMPATIBLE}
    refused = [change for change in found if change.effect in forbidden]
    if not refused:
        (directory / RELEASED_NAME).write_text(as_json(snapshot(contracts, before=before)), encoding="utf-8")
    return refused


def assign_ids(directory: Path) -> dict[str, tuple[str, ...]]:
    """Give an id to each new column of a folder of contracts; return the columns by file."""
    released = read(directory) or {}
    given = {}
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        columns = [
            column
            for table, give in ((name, assign), (reference_table(name), assign_reference))
            for column in give(path, **_known_ids(released, table))
        ]
        if columns:
            given[path.name] = tuple(columns)
    return given


def _known_ids(released: Snapshot, table: str) -> dict[str, Any]:
    before = released.get(table, {"columns": {}, "retired": []})
    known = {name: column["id"] for name, column in before["columns"].items()}
    return {"known": known, "taken": frozenset(before["retired"])}
