"""Made-up shoppers as the identity resolution sees them, without a deployment.

Reads the files that the generator wrote and does to them what ingestion and the `identity_prepare` job do, then groups
the records by the rules of the deployed workflow. For scoring and measuring the matching alone. Standard library and
`c360_core` only: the benchmarks' environment has nothing else.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from c360_core import contracts
from c360_core.contracts import Source
from c360_core.identity import keys, workflow
from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.records import IdentityRecord, match_row, prepare_record
from c360_core.names import IdentifierType
from twin.providers.entity_resolution import matching

# After the last export. Only births are compared with it.
LOADED_AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
# Hides nothing: the hashes only tell the addresses of one device apart, the same way in every run.
HASH_KEY: Final = b"tells addresses apart"
HASH_DIGITS: Final = 8
LOGIN: Final = "identified"
# Roles and identifier types whose column in a record has another name; all others go by their own.
COLUMNS: Final = {
    "given_name": "first_name",
    "family_name": "last_name",
    "full_name": "name",
    "case_system_id": "case_customer_id",
}
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody said at a device or cookie who they are.

    Attributes:
        visitor: the device, or else the cookie, or else the address's hash; empty when there is none of them.
        email_hash: the keyed hash of the address; empty without one.
        at: when it was said, ISO 8601 UTC.
        values: what was said, under the columns of a record.
    """

    source: str
    visitor: str
    email_hash: str
    at: str
    event_id: str
    values: Mapping[str, Any]


def load(folder: Path) -> list[IdentityRecord]:
    """Return all records of a generated data set, sorted by id.

    Args:
        folder: what `twin.shoppers.generate` wrote.

    Raises:
        FileNotFoundError: nothing was generated there.
    """
    manifest, known = _manifest(folder), true_people(folder)
    records: list[IdentityRecord] = []
    for source in contracts.load().file_sources():
        records += _of_files(folder, _loaded(manifest, source.name), source, known)
    records += _of_logins(login for stream in manifest["streams"] for login in _logins(folder, stream["path"]))
    return sorted(records, key=lambda record: record.record_id)


def true_people(folder: Path) -> dict[str, str]:
    """Return the true person of each record of a generated data set."""
    with (folder / "truth" / "records.csv").open(encoding="utf-8", newline="") as file:
        return {row["record_id"]: row["person_id"] for row in csv.DictReader(file)}


def match_groups(records: Sequence[IdentityRecord]) -> list[MatchGroup]:
    """Group records by the rules of the workflow, as the matching job does."""
    rows = [match_row(record) for record in records]
    record_ids = {str(row[workflow.MATCH_RECORD_ID]): str(row["record_id"]) for row in rows}
    return [
        MatchGroup(
            match_id=group.match_id,
            rule=group.rule,
            record_ids=tuple(sorted(record_ids[key] for key in group.record_ids)),
        )
        for group in matching.match(rows, matching_workflow())
        if len(group.record_ids) > 1
    ]


def matching_workflow() -> matching.Workflow:
    """Return the workflow, built from the same tables as the template's."""
    return matching.Workflow(
        fields=tuple(
            matching.InputField(name=field.name, type=field.type, match_key=field.match_key)
            for field in workflow.MATCH_FIELDS
        ),
        rules=tuple(matching.WorkflowRule(name=rule.name, match_keys=rule.match_keys) for rule in workflow.MATCH_RULES),
        apply_normalization=False,
    )


def _manifest(folder: Path) -> Mapping[str, Any]:
    """Return the manifest as it is written: the package that knows its types needs libraries that we do without."""
    path = folder / "manifest.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no manifest; generate the shoppers first")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _loaded(manifest: Mapping[str, Any], source: str) -> list[str]:
    """Return the paths of a source's files that are not refused as a whole, by their day."""
    files = [*manifest["files"], *manifest["broken_files"]]
    paths = [str(file["path"]) for file in files if file["source"] == source and file["good"]]
    return sorted(paths, key=lambda path: Path(path).stem[-len("YYYY-MM-DD") :])


def _of_files(folder: Path, paths: Iterable[str], source: Source, known: Mapping[str, str]) -> Iterator[IdentityRecord]:
    """Yield the newest row of each key; rows that the truth does not know are those that ingestion rejects."""
    if source.table is None or source.table.key is None:
        raise ValueError(f"contract {source.name}: a file source needs a table with a key; mark one column unique")
    key, roles = source.table.key, {f.name: f.identity_role for f in source.table.fields if f.identity_role}
    newest: dict[str, Row] = {}
    for path in paths:
        for row in _rows(folder / path):
            before = newest.get(row[key])
            if f"{source.name}:{row[key]}" in known and (before is None or _changed(before) <= _changed(row)):
                newest[row[key]] = row
    for name, row in newest.items():
        values = {**row, **{COLUMNS.get(role, role): row[column] for column, role in roles.items() if column in row}}
        changed = _changed(row) or row[source.publish[0].occurred_at]
        yield prepare_record({**values, "updated_at": changed}, source=source.name, key=name, loaded_at=LOADED_AT)


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _changed(row: Row) -> str:
    return row.get("updated_at") or ""


def _logins(folder: Path, path: str) -> Iterator[Login]:
    """Yield what a file of events says about who logged in; lines that are wrong on purpose are left out."""
    with (folder / "truth" / "bad_lines.csv").open(encoding="utf-8", newline="") as file:
        bad = {int(row["line"]) for row in csv.DictReader(file) if row["path"] == path}
    with (folder / path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if f'"{LOGIN}"' in line and number not in bad:
                event = json.loads(line)
                if event["event_type"] == LOGIN:
                    yield _login(event)


def _login(event: Mapping[str, Any]) -> Login:
    usable = keys.usable(event["identifiers"])
    emails = [value for kind, value in usable if kind is IdentifierType.EMAIL]
    said = {COLUMNS.get(kind, kind): values[0] for kind, values in event["identifiers"].items() if values}
    email_hash = keys.identifier_key(HASH_KEY, IdentifierType.EMAIL, emails[0]) if emails else ""
    return Login(
        source=event["source"],
        visitor=said.get("device_id") or said.get("cookie_id") or email_hash,
        email_hash=email_hash,
        at=event["occurred_at"],
        event_id=event["event_id"],
        values={**event["payload"], **said, "email_verified": "email" in said},
    )


def _of_logins(logins: Iterable[Login]) -> Iterator[IdentityRecord]:
    """Yield one record for each device and address; the first address there has the device's own key."""
    first: dict[tuple[str, str, str], str] = {}
    latest: dict[tuple[str, str, str], Login] = {}
    for login in sorted((one for one in logins if one.visitor), key=lambda one: one.event_id, reverse=True):
        pair = (login.source, login.visitor, login.email_hash)
        first[pair] = min(first.get(pair, login.at), login.at)
        if pair not in latest or latest[pair].at <= login.at:
            latest[pair] = login
    seen: set[tuple[str, str]] = set()
    for pair in sorted(latest, key=lambda pair: (pair[0], pair[1], first[pair], pair[2])):
        login, visitor = latest[pair], pair[:2]
        key = f"{login.visitor}~{login.email_hash.rpartition(':')[2][:HASH_DIGITS]}"
        yield prepare_record(
            {**login.values, "updated_at": login.at},
            source=login.source,
            key=key if visitor in seen else login.visitor,
            loaded_at=LOADED_AT,
        )
        seen.add(visitor)
