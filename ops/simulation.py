"""What plays would have done: the past from the lake, asked as the marketing analyst, and run through the rules.

The analyst sees no contact data, so an address is only known to exist, and a play whose conditions need a column that
the analyst may not read is refused by name.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from c360_core.consent import Channel, Consent, Purpose
from c360_core.contracts import Field, load
from c360_core.decision import Action
from c360_core.decision_rules import Earlier
from c360_core.moments import moment, moment_text
from c360_core.names import PiiClass, ProfilePart, TableName, Zone, database_name
from c360_core.play import Play, Playbook, ProfileChange
from c360_core.profile import Profile, Version
from c360_core.segment import Group, SegmentRule
from c360_core.simulation import Past

Row = tuple[str | None, ...]
T = TypeVar("T")
Ask = Callable[[str], Iterable[Row]]

_SOME_ADDRESS: Final = "an address"  # what stands for a masked address, of which only the existence is known
_ORDER: Final = "identity_version, computed_at, event_count"


class NotSimulatedError(ValueError):
    """A play cannot be simulated; the message names the play, the column and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """The columns of a profile that a persona may read."""

    fields: tuple[Field, ...]

    @classmethod
    def by(cls, classes: Iterable[PiiClass]) -> "Readable":
        """Return those whose class is one of these."""
        allowed = set(classes)
        columns = load().product(TableName.PROFILES).table.fields
        return cls(fields=tuple(one for one in columns if one.classification in allowed))

    def check(self, playbook: Playbook) -> None:
        """Refuse a playbook that needs other columns.

        Raises:
            NotSimulatedError: names the play and the column.
        """
        names = {one.name for one in self.fields}
        for play in playbook.plays:
            for column in columns_of(play):
                if column not in names:
                    raise NotSimulatedError(
                        f"play `{play.name}`: the column `{column}` of profiles is closed to whoever simulates; "
                        "simulate without it, or by a segment that has the condition"
                    )


def columns_of(play: Play) -> Iterator[str]:
    """Yield the columns that the conditions of a play read."""
    if isinstance(play.signal, ProfileChange):
        yield from _columns(play.signal.now)
        yield from _columns(play.signal.before) if play.signal.before else ()
        yield from play.signal.changed
    yield from _columns(play.audience.query) if play.audience.query else ()


def _columns(node: Group | SegmentRule) -> Iterator[str]:
    if isinstance(node, SegmentRule):
        yield node.field
    else:
        for rule in node.rules:
            yield from _columns(rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """The lake of an environment, asked by somebody who may read these columns."""

    environment: str
    ask: Ask
    readable: Readable

    def past(self, since: datetime, *, back_days: int) -> Past:
        """Return what happened since a moment.

        Args:
            since: the moment.
            back_days: so many days before it, decisions may count for caps.
        """
        addresses = {str(row[0]): row for row in self.ask(self._statement_addresses())}
        rows = self.ask(self._statement_versions(since))
        return Past(
            versions=[self._profile(row, addresses) for row in rows],
            consents=_grouped(self.ask(self._statement_consents()), _consent),
            earlier=_grouped(self.ask(self._statement_earlier(since, back_days)), _earlier),
            since=since,
        )

    def _table(self, zone: Zone, name: str) -> str:
        return f'"{database_name(self.environment, zone)}"."{name}"'

    def _statement_versions(self, since: datetime) -> str:
        """Ask for the versions since a moment, and for the one before them of each person who has any."""
        listed = ", ".join(_as_text(one) for one in self.readable.fields)
        names = ", ".join(f'"{one.name}"' for one in self.readable.fields)
        after = f"computed_at >= {_literal(since)}"
        return (
            f"SELECT {listed} FROM (SELECT {names}, row_number() OVER (PARTITION BY person_id, {after} "  # noqa: S608  # our own names
            f"ORDER BY identity_version DESC, computed_at DESC, event_count DESC) AS place "
            f"FROM {self._table(Zone.CURATED, TableName.PROFILES)}) AS versions "
            f"WHERE ({after} OR place = 1) AND person_id IN (SELECT person_id "
            f"FROM {self._table(Zone.CURATED, TableName.PROFILES)} WHERE {after}) ORDER BY {_ORDER}"
        )

    def _statement_consents(self) -> str:
        return (
            "SELECT person_id, purpose, channel, cast(granted AS varchar), cast(answered_at AS varchar) "  # noqa: S608
            f"FROM {self._table(Zone.PRODUCTS, 'customer_consents')}"
        )

    def _statement_addresses(self) -> str:
        return (
            "SELECT person_id, cast(email_masked IS NOT NULL AS varchar), "  # noqa: S608  # our own names
            f"cast(phone_masked IS NOT NULL AS varchar) FROM {self._table(Zone.PRODUCTS, 'customer_360')}"
        )

    def _statement_earlier(self, since: datetime, back_days: int) -> str:
        first = since - timedelta(days=back_days)
        return (
            "SELECT person_id, trigger_name, cast(decided_at AS varchar), action "  # noqa: S608  # our own names
            f"FROM {self._table(Zone.PRODUCTS, 'decisions')} "
            f"WHERE decided_at >= {_literal(first)} AND decided_at < {_literal(since)}"
        )

    def _profile(self, row: Row, addresses: Mapping[str, Row]) -> Profile:
        told = {one.name: value for one, value in zip(self.readable.fields, row, strict=True) if value is not None}
        parts: dict[ProfilePart, dict[str, str | int | Decimal]] = {part: {} for part in ProfilePart}
        for one in self.readable.fields:
            if one.name in told and one.profile_part in parts and one.name not in {"segments", "scores"}:
                parts[one.profile_part][one.name] = _value(one, told[one.name])
        person = told["person_id"]
        _, email, phone = addresses.get(person, (person, "false", "false"))
        for name, known in (("email", email), ("phone", phone)):
            if known == "true":
                parts[ProfilePart.ATTRIBUTES][name] = _SOME_ADDRESS
        computed = _utc(told["computed_at"])
        return Profile(
            person_id=person,
            version=Version(
                identity_version=int(told["identity_version"]), sequence=int(computed.timestamp() * 1_000_000)
            ),
            attributes=parts[ProfilePart.ATTRIBUTES],
            aggregates=parts[ProfilePart.AGGREGATES],
            links=parts[ProfilePart.LINKS],
            enrichment=parts[ProfilePart.ENRICHMENT],
            scores=json.loads(told.get("scores", "{}"), parse_float=Decimal, parse_int=Decimal),
            segments=tuple(json.loads(told.get("segments", "[]"))),
            last_event_at=moment_text(_utc(told["last_event_at"])) if "last_event_at" in told else None,
            event_count=int(told.get("event_count", "0")),
            record_count=int(told.get("record_count", "0")),
            computed_at=moment_text(computed),
        )


def _as_text(one: Field) -> str:
    kind = "json_format(cast({} AS json))" if one.logical_type in {"array", "map", "object"} else "cast({} AS varchar)"
    return kind.format(f'"{one.name}"')


def _value(one: Field, text: str) -> str | int | Decimal:
    match one.logical_type:
        case "integer":
            return int(text)
        case "number":
            return Decimal(text)
        case "timestamp":
            return moment_text(_utc(text))
        case _:
            return text


def _utc(text: str) -> datetime:
    """Read a moment as Athena writes it: in UTC, which it may say."""
    return moment(text.removesuffix(" UTC"))


def _literal(at: datetime) -> str:
    return f"timestamp '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC'"


def _grouped(rows: Iterable[Row], read: Callable[[Sequence[str]], T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for row in rows:
        if row[0] is not None and None not in row[1:]:
            found.setdefault(row[0], []).append(read([str(cell) for cell in row[1:]]))
    return found


def _consent(cells: Sequence[str]) -> Consent:
    purpose, channel, granted, at = cells
    return Consent(purpose=Purpose(purpose), channel=Channel(channel), granted=granted == "true", decided_at=_utc(at))


def _earlier(cells: Sequence[str]) -> Earlier:
    play, at, action = cells
    return Earlier(play=play, at=_utc(at), contacted=action != Action.SUPPRESS)
