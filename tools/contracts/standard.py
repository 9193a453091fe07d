"""Reads one contract file and holds it against the Open Data Contract Standard.

The standard's JSON schema comes first: its Python models drop unknown keys without a word.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import yaml
from jsonschema import Draft201909Validator, ValidationError
from open_data_contract_standard.model import OpenDataContractStandard

SUFFIX: Final = ".odcs.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, where, and what to do about it."""

    file: str
    field: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}; {self.fix}"


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one is 8 times faster
    """Refuses a key that is written twice, of which YAML would silently keep the last.

    A date without quotes is the text that it is in the standard's own examples, and no object that JSON does not know.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # by the first character, as the library has them
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key `{key}` is written twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return cast(dict[Any, Any], super().construct_mapping(node, deep=deep))


def read_contract(path: Path) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Return the contract, or None and what keeps it from being one."""
    try:
        contract = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        return None, [Problem(file=path.name, field="-", message=f"not YAML: {reason}", fix="correct the syntax")]
    if not isinstance(contract, dict):
        fix = "start with `apiVersion: v3.2.0`"
        return None, [Problem(file=path.name, field="-", message="not a mapping", fix=fix)]
    problems = [
        Problem(file=path.name, field=f"{field}.logicalType", message="is missing", fix="say what the field holds")
        for field in _untyped(contract)
    ]
    if not problems:  # the standard applies the options of every type to a field that has none
        problems = [_standard_problem(path.name, contract, error) for error in _leaf_errors(contract)]
    return (None, list(dict.fromkeys(problems))) if problems else (contract, [])


def _untyped(contract: Mapping[str, Any]) -> Iterator[str]:
    """Yield the path of each field of the contract that has no logical type."""
    elements = contract.get("schema")
    for element in elements if isinstance(elements, list) else []:
        yield from _untyped_below(str(element.get("name", "-")), element) if isinstance(element, dict) else ()


def _untyped_below(path: str, element: Mapping[str, Any]) -> Iterator[str]:
    parts = element.get("properties")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict):
            below = f"{path}.{part.get('name', '-')}"
            if "logicalType" not in part:
                yield below
            yield from _untyped_below(below, part)


@cache
def _validator() -> Draft201909Validator:
    schema = OpenDataContractStandard.json_schema()  # type: ignore[no-untyped-call]
    return Draft201909Validator(json.loads(schema) if isinstance(schema, str) else schema)


def _leaf_errors(contract: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Yield the errors, without the `unevaluated` ones that a deeper error causes in everything around it."""
    errors = list(_validator().iter_errors(contract))
    others = [tuple(error.absolute_path) for error in errors if error.validator != "unevaluatedProperties"]
    for error in errors:
        path = tuple(error.absolute_path)
        if error.validator == "unevaluatedProperties" and any(other[: len(path)] == path for other in others):
            continue
        yield error


def _standard_problem(file: str, contract: Mapping[str, Any], error: ValidationError) -> Problem:
    fixes = {
        "enum": f"use one of {', '.join(str(value) for value in error.validator_value)}"
        if isinstance(error.validator_value, list)
        else "",
        "required": "add it",
        "additionalProperties": "remove the key or correct its spelling",
        "unevaluatedProperties": "remove the key or correct its spelling",
        "type": f"make it {error.validator_value}",
    }
    return Problem(
        file=file,
        field=named_path(contract, list(error.absolute_path)),
        message=error.message[:200],
        fix=fixes.get(str(error.validator), "see the Open Data Contract Standard 3.2"),
    )


def named_path(contract: Any, path: Sequence[str | int]) -> str:
    """Turn `schema/0/properties/3/logicalType` into `crm_contacts.email.logicalType`."""
    parts: list[str] = []
    node = contract
    for step in path:
        node = node[step]
        if isinstance(step, int):
            label = node.get("name") or node.get("property") if isinstance(node, dict) else None
            parts.append(str(label if label is not None else step))
        elif step not in {"schema", "properties", "customProperties"}:
            parts.append(step)
    return ".".join(parts) or "-"
