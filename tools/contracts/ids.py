"""Field ids: by which Iceberg knows a column again, whatever its name and place.

An id belongs to the contract: it is given once, stays through every renaming, and is never given to another column,
because the files of the lake know columns by nothing else. `assign` gives ids to new columns; `id_problems` says what
is wrong with those that are there.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tools.contracts.compiler import added_columns, custom_properties, is_reference, reference_columns
from tools.contracts.standard import Problem

FIELD_ID: Final = "fieldId"
ADDED_IDS: Final = "addedFieldIds"
REFERENCE_IDS: Final = "referenceFieldIds"
ASSIGN_HINT: Final = "run `./c360 contracts ids`, which gives new columns theirs"

# Where the contract describes what is nested in a column, by the name that Iceberg has for it.
NESTED: Final[Mapping[str, tuple[str, ...]]] = {"element": ("items",), "key": ("map", "key"), "value": ("map", "value")}

Contract = Mapping[str, Any]


def has_ids(contract: Contract) -> bool:
    """Whether the contract describes a table."""
    return custom_properties(contract).get("kind") in {"file", "product"}


def stated_ids(contract: Contract) -> dict[str, Any]:
    """Return what the contract says: the id by the path of the column; None where it says nothing.

    The elements of an array have ids of their own: `segments.element`. So have the keys and values of a map, and the
    columns that the ingestion adds.
    """
    ids: dict[str, Any] = {}
    for element in contract.get("schema", [])[:1]:
        for field in element.get("properties", []):
            _collect(ids, field["name"], field)
    custom = custom_properties(contract)
    added = custom.get(ADDED_IDS)
    for column in added_columns(contract):
        ids[column["name"]] = added.get(column["name"]) if isinstance(added, Mapping) else None
    return ids


def reference_ids(contract: Contract) -> dict[str, Any]:
    """Return what the contract says of its reference table, which numbers its columns itself; none without one."""
    if not is_reference(contract):
        return {}
    custom = custom_properties(contract)
    said = custom.get(REFERENCE_IDS)
    columns = [field["name"] for field in contract.get("schema", [{}])[0].get("properties", [])]
    nested = []
    for column in reference_columns(contract):
        columns.append(column["name"])
        nested += [f"{column['name']}.element"] if "items" in column else []
    return {name: said.get(name) if isinstance(said, Mapping) else None for name in (*columns, *nested)}


def _collect(ids: dict[str, Any], path: str, field: Contract) -> None:
    ids[path] = custom_properties(field).get(FIELD_ID)
    for part, steps in NESTED.items():
        if isinstance(nested := _nested(field, steps), Mapping):
            _collect(ids, f"{path}.{part}", nested)


def _nested(field: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        field = field.get(step) if isinstance(field, Mapping) else None
    return field


def id_problems(file: str, contract: Contract) -> Iterator[Problem]:
    """Yield what is wrong with the ids of one contract."""
    if not has_ids(contract):
        return
    table = contract.get("name", "-")
    yield from _problems(file, stated_ids(contract), lambda path: f"{table}.{path}.{FIELD_ID}")
    yield from _problems(file, reference_ids(contract), lambda path: f"{REFERENCE_IDS}.{path}")


def _problems(file: str, ids: Mapping[str, Any], place: Callable[[str], str]) -> Iterator[Problem]:
    numbers = Counter(number for number in ids.values() if _is_id(number))
    for path, number in ids.items():
        here = place(path)
        if number is None:
            yield Problem(file=file, field=here, message="is missing", fix=ASSIGN_HINT)
        elif not _is_id(number):
            message = f"`{number}` is no id"
            yield Problem(file=file, field=here, message=message, fix="use a whole number from 1")
        elif numbers[number] > 1:
            shared = ", ".join(other for other, same in ids.items() if same == number)
            message = f"{number} is the id of more than one column ({shared})"
            yield Problem(file=file, field=here, message=message, fix=f"take it from the newer one, and {ASSIGN_HINT}")


def _is_id(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def assign(path: Path, *, known: Mapping[str, int], taken: frozenset[int]) -> tuple[str, ...]:
    """Give an id to each column of a contract file that has none, and return their paths.

    The file keeps its comments and its form: lines are added, none is changed. A column that an earlier release had
    gets the id of then.

    Args:
        path: the contract.
        known: ids of the last release by path.
        taken: ids that no column may get, because a removed column had them.
    """
    text = path.read_text(encoding="utf-8")
    contract = yaml.safe_load(text)
    if not has_ids(contract):
        return ()
    stated = stated_ids(contract)
    missing = [name for name, number in stated.items() if number is None]
    given = _numbered(missing, stated, known=known, taken=taken)
    if given:
        path.write_text(_with_ids(text, given), encoding="utf-8")
    return tuple(given)


def assign_reference(path: Path, *, known: Mapping[str, int], taken: frozenset[int]) -> tuple[str, ...]:
    """Give an id to each column of a contract's reference table that has none; as `assign` does."""
    text = path.read_text(encoding="utf-8")
    stated = reference_ids(yaml.safe_load(text))
    missing = [name for name, number in stated.items() if number is None]
    given = _numbered(missing, stated, known=known, taken=taken)
    if given:
        line, indent, entry = _ids_of(yaml.compose(text), REFERENCE_IDS, given)
        lines = text.splitlines()
        lines[line + 1 : line + 1] = [" " * indent + part for part in entry]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tuple(given)


def _numbered(
    missing: Sequence[str], stated: Mapping[str, Any], *, known: Mapping[str, int], taken: frozenset[int]
) -> dict[str, int]:
    used = {number for number in stated.values() if _is_id(number)}
    given = {name: known[name] for name in missing if name in known and known[name] not in used}
    following = max([0, *used, *known.values(), *taken]) + 1
    # What is nested comes after the columns: so Iceberg itself numbers a new table.
    for name in sorted(missing, key=lambda name: "." in name):
        if name not in given:
            given[name] = following
            following += 1
    return given


def _with_ids(text: str, given: Mapping[str, int]) -> str:
    root = yaml.compose(text)
    additions: dict[int, list[tuple[int, list[str]]]] = {}
    by_ingestion = {name: number for name, number in given.items() if _column(root, name) is None}
    if by_ingestion:
        line, indent, entry = _ids_of(root, ADDED_IDS, by_ingestion)
        additions[line] = [(indent, [" " * indent + part for part in entry])]
    for name, number in given.items():
        if name in by_ingestion:
            continue
        node = _column(root, name)
        line, indent = _end_of_custom_properties(node)
        entry = [f"- property: {FIELD_ID}", f"  value: {number}"]
        if indent < 0:  # the first custom property of this column
            indent = node.start_mark.column
            entry = ["customProperties:", *("  " + part for part in entry)]
        additions.setdefault(line, []).append((indent, [" " * indent + part for part in entry]))
    lines: list[str] = []
    for number, content in enumerate(text.splitlines()):
        lines.append(content)
        for _, added in sorted(
            additions.get(number, ()), key=lambda addition: -addition[0]
        ):  # what is deepest ends first
            lines += added
    return "\n".join(lines) + "\n"


def _ids_of(root: Any, name: str, given: Mapping[str, int]) -> tuple[int, int, list[str]]:
    """The line after which ids of columns that the contract does not describe are written, their indentation, and the
    lines. `name` is the custom property that has them.
    """
    ids = [f"{column}: {number}" for column, number in given.items()]
    for entry in _value(root, "customProperties").value:
        if _value(entry, "property").value == name:
            value = _value(entry, "value")
            return _last_line(value), value.start_mark.column, ids
    line, indent = _end_of_custom_properties(root)
    return line, indent, [f"- property: {name}", "  value:", *(f"    {one}" for one in ids)]


def _end_of_custom_properties(node: Any) -> tuple[int, int]:
    """The line after which an entry is added, and its indentation; -1 where there are no custom properties yet."""
    properties = _value(node, "customProperties")
    if properties is None:
        return _last_line(node), -1
    return _last_line(properties), properties.start_mark.column


def _column(root: Any, path: str) -> Any:
    name, *below = path.split(".")
    [table, *_] = _value(root, "schema").value
    for column in _value(table, "properties").value:
        if _value(column, "name").value == name:
            for part in below:
                for step in NESTED[part]:
                    column = _value(column, step)  # noqa: PLW2901  # what is nested in what is nested
            return column
    return None


def _value(node: Any, key: str) -> Any:
    return next((value for name, value in node.value if name.value == key), None)


def _last_line(node: Any) -> int:
    """The line of the last scalar: the end of a mapping is where the next token begins, comments included."""
    if isinstance(node, yaml.ScalarNode):
        end = node.end_mark
        return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)
    if node.end_mark.line == node.start_mark.line:  # written in one line
        return int(node.end_mark.line)
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    return max(map(_last_line, parts))
