"""One run of the identity resolution: from records and match groups to the new map and the messages to send."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from c360_core.identity.announcements import LatestChange, Message, ResolvedState, changes
from c360_core.identity.clustering import Clusters, Guard, cluster
from c360_core.identity.keys import identifier_key
from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.normalise import normalise_email
from c360_core.identity.records import IdentityRecord, phone_evidence
from c360_core.identity.stable_ids import Assignment, IdentityRun, assign
from c360_core.names import IdentifierType
from c360_core.survivorship import Golden, SourcePriorities, golden

SHARED_IDENTIFIERS: Final = frozenset(
    {IdentifierType.EMAIL, IdentifierType.PHONE, IdentifierType.DEVICE_ID, IdentifierType.COOKIE_ID}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """A row of `curated.identity_map`: which person a record belonged to, and during which period."""

    record_id: str
    person_id: str
    valid_from: datetime
    valid_to: datetime | None
    run_id: str
    version: int
    rule: str
    match_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPerson:
    """A person after a run."""

    person_id: str
    record_ids: tuple[str, ...]
    golden: Golden


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The outcome of a run.

    Attributes:
        opened: new rows of the identity map.
        closed: old rows with `valid_to` set; their key is (record_id, valid_from).
        reopened: rows that an earlier try of this run closed and this try does not.
        withdrawn: rows to delete: an earlier try of this run opened them and this try does not.
        owners: identifier key -> person id, for every identifier that belongs to exactly one person.
        changes: messages for identity-changes, in the order to send them; only those that differ from the latest ones.
        persons: all persons, sorted by id.
        aliases: id no longer in use -> the id in use that replaced it; always one hop.
        stats: counts, for logs and metrics.
    """

    opened: tuple[MapRow, ...]
    closed: tuple[MapRow, ...]
    reopened: tuple[MapRow, ...]
    withdrawn: tuple[MapRow, ...]
    owners: Mapping[str, str]
    changes: tuple[Message, ...]
    persons: tuple[ResolvedPerson, ...]
    aliases: Mapping[str, str]
    stats: Mapping[str, int]


def resolve(
    records: Sequence[IdentityRecord],
    match_groups: Sequence[MatchGroup],
    previous_map: Iterable[MapRow],
    run: IdentityRun,
    *,
    secret: bytes,
    latest: Iterable[LatestChange] = (),
    guard: Guard | None = None,
    priorities: SourcePriorities | None = None,
) -> Resolution:
    """Resolve all records to persons.

    A repeated run gives the same result, even if its first try has already written the map: rows of the same run count
    as not written. Write in this order: the map, the changes as unpublished, the messages, and last the mark that the
    changes are published.

    Args:
        records: all current records, each id once.
        match_groups: groups found by the matcher.
        previous_map: all rows of the identity map, including closed ones, which give aliases and restored ids.
        run: this run.
        secret: the hashing secret of identifier keys.
        latest: the latest change of each subject; read once.
        guard: limits of a cluster.
        priorities: order of trust in the sources.

    Raises:
        ValueError: a record id occurs twice, a record has two open rows, a later run has already written or published,
            or an earlier try of this run published something else.
    """
    guard = guard or Guard()
    written = list(previous_map)
    history = _rows_before(written, run)
    current = _open_rows(history)
    former = _former_ids(history)
    clusters = cluster(records, match_groups, guard)
    persons_before = {record_id: row.person_id for record_id, row in current.items()}
    ids = assign(clusters.clusters, persons_before, run, {old: members for old, (members, _) in former.items()})
    persons = _persons(records, ids, priorities or SourcePriorities())
    owners, disputed = _owners(records, ids, secret, guard)
    opened, closed = _map_rows(clusters, ids, current, run)
    reopened, withdrawn = _revert_earlier_try(written, opened, closed, run)
    state = ResolvedState(
        persons={person.person_id: person.golden.attributes for person in persons},
        retired={old: ids.aliases.get(old) for old in {*persons_before.values(), *former} - set(ids.persons.values())},
        owners=owners,
    )
    return Resolution(
        opened=opened,
        closed=closed,
        reopened=reopened,
        withdrawn=withdrawn,
        owners=owners,
        changes=changes(state, latest, run),
        persons=persons,
        aliases=ids.aliases,
        stats=_stats(clusters, ids, opened, closed, owners, disputed),
    )


def _moment(run: IdentityRun) -> datetime:
    return datetime.fromtimestamp(run.version / 1000, UTC)


def _rows_before(rows: Iterable[MapRow], run: IdentityRun) -> list[MapRow]:
    """Return the map as it was before the first try of this run."""
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


def _former_ids(history: Iterable[MapRow]) -> dict[str, tuple[tuple[str, ...], datetime]]:
    """Return, for each id no longer in use, the records that had it last and when it went out of use."""
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


def _persons(
    records: Iterable[IdentityRecord], ids: Assignment, priorities: SourcePriorities
) -> tuple[ResolvedPerson, ...]:
    members: defaultdict[str, list[IdentityRecord]] = defaultdict(list)
    for record in records:
        members[ids.persons[record.record_id]].append(record)
    return tuple(
        ResolvedPerson(
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
    """Return the owner of each identifier key, and the number of identifiers without one because several claim them.

    An id that a system assigned goes to the best claim: more records, then the newer record. A mailbox, phone number or
    device can be shared, so it has no owner while several persons claim it, unless exactly one of them has verified it:
    its events could come from any of them, and taking the latest change would be arbitrary.
    """
    claims: defaultdict[tuple[IdentifierType, str], dict[str, _Claim]] = defaultdict(dict)
    named = {ids.persons[record.record_id] for record in records if record.first_name or record.last_name}
    for record in records:
        person = ids.persons[record.record_id]
        at = (record.updated_at or record.loaded_at).timestamp()
        for identifier in identifiers_of(record):
            claim = claims[identifier].setdefault(person, _Claim())
            # A login without a name proves access to the mailbox, but not which of its owners logged in.
            claim.verified |= identifier[0] is IdentifierType.EMAIL and record.email_verified and person in named
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
    """A person's claim to own an identifier."""

    verified: bool = False
    records: int = 0
    newest: float = 0


def _owner(kind: IdentifierType, claimants: Mapping[str, _Claim], guard: Guard) -> str | None:
    if len(claimants) == 1:
        return next(iter(claimants))
    if len(claimants) > guard.max_first_names_per_value:
        return None
    if kind in SHARED_IDENTIFIERS:
        verified = [person for person, claim in claimants.items() if claim.verified]
        return verified[0] if len(verified) == 1 else None
    return min(claimants, key=lambda person: (-claimants[person].records, -claimants[person].newest, person))


def _map_rows(
    clusters: Clusters, ids: Assignment, current: Mapping[str, MapRow], run: IdentityRun
) -> tuple[tuple[MapRow, ...], tuple[MapRow, ...]]:
    """Return the rows to open and to close: only where the person changes; a row keeps its first rule and match id."""
    opened, closed = [], []
    for record_id in sorted(ids.persons.keys() | current.keys()):
        row, person = current.get(record_id), ids.persons.get(record_id)
        if row and row.person_id == person:
            continue
        if row:
            closed.append(replace(row, valid_to=_moment(run)))
        if person:
            membership = clusters.memberships[record_id]
            opened.append(
                MapRow(
                    record_id=record_id,
                    person_id=person,
                    valid_from=_moment(run),
                    valid_to=None,
                    run_id=run.run_id,
                    version=run.version,
                    rule=membership.rule,
                    match_id=membership.match_id,
                )
            )
    return tuple(opened), tuple(closed)


def _revert_earlier_try(
    written: Iterable[MapRow], opened: Iterable[MapRow], closed: Iterable[MapRow], run: IdentityRun
) -> tuple[tuple[MapRow, ...], tuple[MapRow, ...]]:
    """Return the rows to reopen and to delete: an earlier try closed or opened them, but records have changed since.

    All other rows of the earlier try stay. If a run deleted them and wrote them again, a stop in between would lose the
    fact that an id was out of use.
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
