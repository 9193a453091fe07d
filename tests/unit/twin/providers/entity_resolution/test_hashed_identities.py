"""Records that are compared as hashes match as they match in the clear: what a clean room's ID namespace rests on."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.identity.workflow import MATCH_FIELDS, MATCH_RULES, SHARED_FIELDS, SHARED_ID
from twin.providers.entity_resolution.matching import InputField, Workflow, WorkflowRule, match

NAMES = [field.name for field in SHARED_FIELDS if field.name != SHARED_ID]
CLEAR = {field.name: field for field in MATCH_FIELDS}
RULES = tuple(WorkflowRule(name=rule.name, match_keys=rule.match_keys) for rule in MATCH_RULES)
ROWS = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(["a", "b", None]) for name in NAMES}), min_size=2, max_size=8
)


def groups(rows: Sequence[Mapping[str, str | None]], fields: Iterable[InputField]) -> set[tuple[str, tuple[str, ...]]]:
    flow = Workflow(fields=tuple(fields), rules=RULES, apply_normalization=False)
    return {(group.rule, group.record_ids) for group in match(rows, flow)}


def as_hash(value: str | None) -> str | None:
    return None if value is None else hashlib.sha256(value.encode()).hexdigest()


def test_the_namespace_compares_what_the_rules_name() -> None:
    keys = {key for rule in MATCH_RULES for key in rule.match_keys}
    assert {field.match_key for field in SHARED_FIELDS if field.match_key} == keys


@settings(max_examples=50)
@given(rows=ROWS)
def test_hashes_match_as_their_values_do(rows: list[dict[str, str | None]]) -> None:
    clear = [{**row, SHARED_ID: f"r{number}"} for number, row in enumerate(rows)]
    hashed = [{name: value if name == SHARED_ID else as_hash(value) for name, value in row.items()} for row in clear]
    in_the_clear = [
        InputField(name=SHARED_ID, type="UNIQUE_ID"),
        *(InputField(name=name, type=CLEAR[name].type, match_key=CLEAR[name].match_key) for name in NAMES),
    ]
    as_hashes = [
        InputField(name=field.name, type=field.type, match_key=field.match_key, hashed=field.name != SHARED_ID)
        for field in SHARED_FIELDS
    ]
    assert groups(hashed, as_hashes) == groups(clear, in_the_clear)
