"""One run of the identity resolution: from records and match groups to the new map and what has to be told to whom."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from c360_core.identity.announcements import Known, LatestChange, Message, changes
from c360_core.identity.clustering import Clusters, Guard, cluster
from c360_core.identity.keys import identifier_key
from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.normalise import normalise_email
from c360_core.identity.records import IdentityRecord, phone_evidence
from c360_core.identity.stable_ids import Assignment, Run, assign
from c360_core.names import IdentifierType
from c360_core.survivorship import Golden, SourcePriorities, golden

SHARED_IDENTIFIERS: Final = frozenset(
    {IdentifierType.EMAIL, IdentifierType.PHONE, IdentifierType.DEVICE_ID, IdentifierType.COOKIE_ID}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """A row of `curated.identity_map`: whose record this was, from when to when."""

    record_id: str
    person_id: str
    valid_from: datetime
    valid_to: datetime | None
    run_id: str
    version: int
    rule: str
    match_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person after the run."""

    person_id: str
    record_ids: tuple[str, ...]
    golden: Golden


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The outcome of a run.

    Attributes:
        opened: new rows of the identity map.
        closed: rows to close: the old ones with `valid_to` set; the key is (record_id, valid_from).
        reopened: rows that an earlier try of this run closed, and this one does not.
        withdrawn: rows that an earlier try of this run opened, and this one does not: to be deleted.
        owners: identifier key -> person id, of every identifier that is somebody's.
        changes: messages of the identity-changes stream, in the order to send them: what differs from the latest ones.
        persons: everyone, sorted by id.
        aliases: ids no longer in use -> ids in use, one hop.
        stats: counts, for logs and metrics.
    """

    opened: tuple[MapRow, ...]
    closed: tuple[MapRow, ...]
    reopened: tuple[MapRow, ...]
    withdrawn: tuple[MapRow, ...]
    owners: Mapping[str, str]
    changes: tuple[Message, ...]
    persons: tuple[Person, ...]
    aliases: Mapping[str, str]
    stats: Mapping[str, int]


def resolve(
    records: Sequence[IdentityRecord],
    match_groups: Sequence[MatchGroup],
    previous_map: Iterable[MapRow],
    run: Run,
    *,
    secret: bytes,
    latest: Iterable[LatestChange] = (),
    guard: Guard | None = None,
    priorities: SourcePriorities | None = None,
) -> Resolution:
    """Resolve all records to persons.

    A run that is tried again gives the same outcome, also when its first try has already written the map: rows of the
    same run are taken as not written. So write the map first, then the changes as not told yet, then tell everyone, and
    mark the changes as told at the end.

    Args:
        records: all current records, each id once.
        match_groups: groups found by the matcher.
        previous_map: all rows of the identity map, closed ones too: aliases and restored ids come from them.
        run: this run.
        secret: the hashing secret of identifier keys.
        latest: the latest change of each subject; read once.
        guard: limits of a cluster.
        priorities: trust in sources.

    Raises:
        ValueError: a record id occurs twice, a record has two open rows, a later run has written or told something,
            or this run told something else when it was tried before.
    """
    guard = guard or Guard()
    written = list(previous_map)
    history = _before(written, run)
    current = _open_rows(history)
    former = _former(history)
    clusters = cluster(records, match_groups, guard)
    persons_before = {record_id: row.person_id for record_id, row in current.items()}
    ids = assign(clusters.clusters, persons_before, run, {old: members for old, (members, _) in former.items()})
    persons = _persons(records, ids, priorities or SourcePriorities())
    owners, disputed = _owners(records, ids, secret, guard)
    opened, closed = _map_rows(clusters, ids, current, run)
    reopened, withdrawn = _taken_back(written, opened, closed, run)
    known = Known(
        persons={person.person_id: person.golden.attributes for person in persons},
        gone={old: ids.aliases.get(old) for old in {*persons_before.values(), *former} - set(ids.persons.values())},
        owners=owners,
    )
    return Resolution(
        opened=opened,
        closed=closed,
        reopened=reopened,
        withdrawn=withdrawn,
        owners=owners,
        changes=changes(known, latest, run),
        persons=persons,
        aliases=ids.aliases,
        stats=_stats(clusters, ids, opened, closed, owners, disputed),
    )


def _moment(run: Run) -> datetime:
    return datetime.fromtimestamp(run.version / 1000, UTC)


def _before(rows: Iterable[MapRow], run: Run) -> list[MapRow]:
    """Return the map as it was before this run was first tried."""
    kept = []
    for row in rows:
        if row.version > run.version:
            raise ValueError(
                f"identity map: record {row.record_id} has version {row.version}, run {run.run_id} is older "
                f"({run.version}); start a new run instead of repeating an old one"
            )
        if row.version < run.version:
            kept.append(replace(row, valid_to=None) if row.valid_to == _moment(run) else row)
    return kept


def _open_rows(history: Iterable[MapRow]) -> dict[str, MapRow]:
    found: dict[str, MapRow] = {}
    for row in history:
        if row.valid_to is None and found.setdefault(row.record_id, row) is not row:
            raise ValueError(f"identity map: record {row.record_id} has two open rows; close all but the newest")
    return found


def _former(history: Iterable[MapRow]) -> dict[str, tuple[tuple[str, ...], datetime]]:
    """Return id no longer in use -> (records that had it last, when it went out of use)."""
    rows: defaultdict[str, list[MapRow]] = defaultdict(list)
    for row in history:
        rows[row.person_id].append(row)
    found = {}
    for person, its_rows in rows.items():
        ends = [row.valid_to for row in its_rows if row.valid_to is not None]
        if len(ends) == len(its_rows):
            end = max(ends)
            found[person] = (tuple(sorted(row.record_id for row in its_rows if row.valid_to == end)), end)
    return found


def _persons(records: Iterable[IdentityRecord], ids: Assignment, priorities: SourcePriorities) -> tuple[Person, ...]:
    members: defaultdict[str, list[IdentityRecord]] = defaultdict(list)
    for record in records:
        members[ids.persons[record.record_id]].append(record)
    return tuple(
        Person(
            person_id=person,
            record_ids=tuple(sorted(record.record_id for record in members[person])),
            golden=golden(members[person], priorities),
        )
        for person in sorted(members)
    )


def identifiers_of(record: IdentityRecord) -> tuple[tuple[IdentifierType, str], ...]:
    """Return the identifiers of a record in match form."""
    found = (
        (IdentifierType.LOYALTY_ID, record.loyalty_id),
        (IdentifierType.CRM_ID, record.crm_id),
        (IdentifierType.CASE_SYSTEM_ID, record.case_customer_id),
        (IdentifierType.EMAIL, normalise_email(record.email).value),
        (IdentifierType.PHONE, phone_evidence(record)),
        (IdentifierType.DEVICE_ID, record.device_id),
        (IdentifierType.COOKIE_ID, record.cookie_id),
    )
    return tuple((kind, value) for kind, value in found if value)


def _owners(
    records: Sequence[IdentityRecord], ids: Assignment, secret: bytes, guard: Guard
) -> tuple[dict[str, str], int]:
    """Return identifier key -> its person, and how many identifiers have none because several people claim them.

    Of several claims to an id that a system gave the best wins: more records, then the newer one. What several people
    may have - a mailbox, a number, a device - belongs to nobody while several claim it, unless one of them alone has
    proved it: an event under it could be anybody's, and to give it to whoever changed last would decide by chance.
    """
    claims: defaultdict[tuple[IdentifierType, str], dict[str, _Claim]] = defaultdict(dict)
    named = {ids.persons[record.record_id] for record in records if record.first_name or record.last_name}
    for record in records:
        person = ids.persons[record.record_id]
        at = (record.updated_at or record.loaded_at).timestamp()
        for identifier in identifiers_of(record):
            claim = claims[identifier].setdefault(person, _Claim())
            # A login without a name opens the mailbox as well, and does not say which of its owners it was.
            claim.proved |= identifier[0] is IdentifierType.EMAIL and record.email_verified and person in named
            claim.records += 1
            claim.newest = max(claim.newest, at)
    owners: dict[str, str] = {}
    for (kind, value), claimants in claims.items():
        owner = _owner(kind, claimants, guard)
        if owner is not None:
            owners[identifier_key(secret, kind, value)] = owner
    return owners, len(claims) - len(owners)


@dataclass(slots=True)
class _Claim:
    """What speaks for a person as the owner of an identifier."""

    proved: bool = False
    records: int = 0
    newest: float = 0


def _owner(kind: IdentifierType, claimants: Mapping[str, _Claim], guard: Guard) -> str | None:
    if len(claimants) == 1:
        return next(iter(claimants))
    if len(claimants) > guard.max_names_of_a_value:
        return None
    if kind in SHARED_IDENTIFIERS:
        proved = [person for person, claim in claimants.items() if claim.proved]
        return proved[0] if len(proved) == 1 else None
    return min(claimants, key=lambda person: (-claimants[person].records, -claimants[person].newest, person))


def _map_rows(
    clusters: Clusters, ids: Assignment, current: Mapping[str, MapRow], run: Run
) -> tuple[tuple[MapRow, ...], tuple[MapRow, ...]]:
    """A row changes when the person does; why the record is where it is stays as it was found first."""
    opened, closed = [], []
    for record_id in sorted(ids.persons.keys() | current.keys()):
        row, person = current.get(record_id), ids.persons.get(record_id)
        if row and row.person_id == person:
            continue
        if row:
            closed.append(replace(row, valid_to=_moment(run)))
        if person:
            why = clusters.joined[record_id]
            opened.append(
                MapRow(
                    record_id=record_id,
                    person_id=person,
                    valid_from=_moment(run),
                    valid_to=None,
                    run_id=run.run_id,
                    version=run.version,
                    rule=why.rule,
                    match_id=why.match_id,
                )
            )
    return tuple(opened), tuple(closed)


def _taken_back(
    written: Iterable[MapRow], opened: Iterable[MapRow], closed: Iterable[MapRow], run: Run
) -> tuple[tuple[MapRow, ...], tuple[MapRow, ...]]:
    """Return the rows that an earlier try closed or opened and this one does not: records have changed in between.

    All others stay as they are. Whoever took them away first and wrote them anew then would, when stopped in between,
    forget that an id had been out of use.
    """
    again = {(row.record_id, row.valid_from) for row in (*opened, *closed)}
    left = [row for row in written if (row.record_id, row.valid_from) not in again]
    reopened = [replace(r, valid_to=None) for r in left if r.valid_to == _moment(run) and r.version < run.version]
    return tuple(reopened), tuple(row for row in left if row.version == run.version)


def _stats(
    clusters: Clusters,
    ids: Assignment,
    opened: Sequence[MapRow],
    closed: Sequence[MapRow],
    owners: Mapping[str, str],
    disputed: int,
) -> dict[str, int]:
    changed = Counter(change.kind for change in ids.changes)
    return {
        **clusters.stats,
        **{f"persons_{kind}": changed[kind] for kind in ("created", "merged", "restored", "removed")},
        "rows_opened": len(opened),
        "rows_closed": len(closed),
        "identifiers": len(owners),
        "identifiers_disputed": disputed,
    }
