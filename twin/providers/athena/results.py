"""Rows of Trino as Athena shows them: column descriptions, text of values, and the CSV in S3."""

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

_PRECISION: Final = {
    "bigint": 19,
    "integer": 10,
    "smallint": 5,
    "tinyint": 3,
    "double": 17,
    "real": 17,
    "float": 17,
    "varchar": 2147483647,
    "timestamp": 3,
    "timestamp with time zone": 3,
    "varbinary": 1073741824,
}
_ATHENA_NAMES: Final = {"real": "float"}
_PLAIN_TYPE: Final = re.compile(r"(?P<base>\w+)(?:\((?P<arguments>.*)\))?(?P<zone> with(?:out)? time zone)?", re.DOTALL)

Text = str | None


def column_info(name: str, trino_type: str) -> dict[str, Any]:
    """Describe a result column as GetQueryResults does."""
    base, arguments = split_type(trino_type)
    numbers = [int(part) for part in arguments.split(",")] if base == "decimal" else []
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": _ATHENA_NAMES.get(base, base),
        "Precision": numbers[0] if numbers else _PRECISION.get(base, 0),
        "Scale": numbers[1] if numbers else 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": base in {"varchar", "char"},
    }


def split_type(trino_type: str) -> tuple[str, str]:
    """Split `decimal(14,2)` into `decimal` and `14,2`; the zone of a timestamp stays in its name."""
    found = _PLAIN_TYPE.fullmatch(trino_type.strip())
    if found is None:
        raise ValueError(f"result type {trino_type!r} is not one that this module can read")
    return found["base"] + (found["zone"] or ""), found["arguments"] or ""


def hive_type(trino_type: str) -> str:
    """Name a type as the Glue catalog does."""
    base, arguments = split_type(trino_type)
    if base == "array":
        return f"array<{hive_type(arguments)}>"
    if base == "map":
        return "map<" + ",".join(hive_type(part) for part in split_arguments(arguments)) + ">"
    if base == "row":
        fields = (_field(part) for part in split_arguments(arguments))
        return "struct<" + ",".join(f"{name}:{hive_type(kind)}" for name, kind in fields) + ">"
    names = {"varchar": "string", "integer": "int", "varbinary": "binary", "real": "float", "json": "string"}
    if base == "decimal":
        return f"decimal({arguments.replace(' ', '')})"
    return names.get(base, "timestamp" if base.startswith("timestamp") else base)


def text(value: Any, trino_type: str) -> Text:
    """Write one value as Athena does; None stays None."""
    if value is None:
        return None
    base, arguments = split_type(trino_type)
    write = _WRITERS.get(base)
    return write(value, arguments) if write else str(value)


def _array(value: Any, arguments: str) -> str:
    return "[" + ", ".join(_nested(item, arguments) for item in value) + "]"


def _map(value: Any, arguments: str) -> str:
    key_type, value_type = split_arguments(arguments)
    return "{" + ", ".join(f"{_nested(k, key_type)}={_nested(v, value_type)}" for k, v in value.items()) + "}"


def _row(value: Any, arguments: str) -> str:
    fields = [_field(part) for part in split_arguments(arguments)]
    pairs = zip(fields, value, strict=True)
    return "{" + ", ".join(f"{name}={_nested(item, kind)}" for (name, kind), item in pairs) + "}"


_WRITERS: Final[dict[str, Callable[[Any, str], str]]] = {
    "boolean": lambda value, _: "true" if value else "false",
    "varbinary": lambda value, _: base64.b64decode(value).hex(" "),
    "array": _array,
    "map": _map,
    "row": _row,
}


def _nested(value: Any, trino_type: str) -> str:
    written = text(value, trino_type)
    return "null" if written is None else written


def _field(part: str) -> tuple[str, str]:
    name, _, kind = part.strip().partition(" ")
    return name.strip('"'), kind


def split_arguments(arguments: str) -> list[str]:
    """Split a type's arguments at the commas that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(arguments):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(arguments[start:position].strip())
            start = position + 1
    return [*parts, arguments[start:].strip()]


def csv_document(names: Sequence[str], rows: Iterable[Sequence[Text]]) -> bytes:
    """The result file: every value in quotes, NULL as nothing between two commas."""
    lines = [",".join(_csv_cell(name) for name in names)]
    lines.extend(",".join(_csv_cell(value) for value in row) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def _csv_cell(value: Text) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def text_document(rows: Iterable[Sequence[Text]]) -> bytes:
    """The result file of statements that list or define: values between tabs."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in rows).encode()
