"""What a run tells: only what differs from the latest message about each person and each identifier.

The latest messages are kept in a table, and a run writes what it is about to tell there before it tells it. A row is
marked as told when everyone has heard it. So of a run that stopped it is known what it may have told, and the next run
tells that again: whoever heard a part of it would otherwise keep what has changed back in the meantime.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from c360_core.identity.stable_ids import Run

Message = dict[str, Any]

PERSON: Final = "person"
IDENTIFIER: Final = "identifier"
UPSERT: Final = "upsert"
DELETE: Final = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestChange:
    """A row of `curated.latest_identity_changes`.

    Attributes:
        message: the latest message about its subject, as it is on the stream.
        told: everyone has heard it; without that, someone may have.
    """

    message: Message
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Who is who after a run.

    Attributes:
        persons: person id -> attributes, of everyone.
        gone: id no longer in use -> who has taken its place, if anyone.
        owners: identifier key -> person id.
    """

    persons: Mapping[str, Mapping[str, Any]]
    gone: Mapping[str, str | None]
    owners: Mapping[str, str]


def subject(message: Mapping[str, Any]) -> str:
    """Return what a message is about: an identifier key or a person id. It keys the stream and the table."""
    return str(message["key"] if message["kind"] == IDENTIFIER else message["person_id"])


def changes(known: Known, latest: Iterable[LatestChange], run: Run) -> tuple[Message, ...]:
    """Return the messages of a run, in the order to send them.

    Told is whatever differs from its latest message, has none, or may not have been heard: because it was not marked as
    told, or was told on a stream that is gone. A person who gains or loses an identifier is told as well, for the
    version of a profile says which run it rests on.

    Args:
        known: who is who.
        latest: the latest message about each subject; read once, and never held.
        run: this run.

    Raises:
        ValueError: a message is newer than the run, or the run has told something else before.
    """
    everyone = {*known.persons, *known.gone, *known.owners}
    heard: set[str] = set()
    told: dict[str, Message] = {}
    touched: set[str] = set()
    for row in latest:
        about, version = subject(row.message), int(row.message["version"])
        message = _said(known, about, run) if about in everyone else _deletion(row.message, run)
        same = message == {**row.message, "version": run.version}
        _refuse(run, about, version, same=same)
        if same and row.told and version >= run.told_since:
            heard.add(about)
            continue
        told[about] = message
        if message["kind"] == IDENTIFIER:
            touched |= {message["person_id"], row.message["person_id"]}
    for about in everyone - heard - told.keys():
        told[about] = message = _said(known, about, run)
        if message["kind"] == IDENTIFIER:
            touched.add(message["person_id"])
    told |= {person: _said(known, person, run) for person in touched & known.persons.keys()}
    return _in_order(told.values())


def _refuse(run: Run, about: str, version: int, *, same: bool) -> None:
    if version > run.version:
        raise ValueError(
            f"latest identity changes: {about} has version {version}, run {run.run_id} is older ({run.version}); "
            "start a new run instead of repeating an old one"
        )
    if version == run.version and not same:
        raise ValueError(
            f"latest identity changes: run {run.run_id} was tried before and said something else of {about}; records "
            "have changed since: start a new run"
        )


def _said(known: Known, about: str, run: Run) -> Message:
    if about in known.persons:
        head = {"kind": PERSON, "op": UPSERT, "person_id": about, "version": run.version}
        return {**head, "survivor_id": None, **known.persons[about]}
    if about in known.gone:
        return _gone(about, known.gone[about], run)
    return _identifier(UPSERT, about, known.owners[about], run)


def _deletion(latest: Message, run: Run) -> Message:
    """Return what there is to say of a subject that nobody knows any more."""
    if latest["kind"] == IDENTIFIER:
        return _identifier(DELETE, latest["key"], latest["person_id"], run)
    return _gone(latest["person_id"], None, run)


def _identifier(operation: str, key: str, person: str, run: Run) -> Message:
    return {"kind": IDENTIFIER, "op": operation, "key": key, "person_id": person, "version": run.version}


def _gone(person: str, survivor: str | None, run: Run) -> Message:
    return {"kind": PERSON, "op": DELETE, "person_id": person, "version": run.version, "survivor_id": survivor}


def _in_order(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Tell person by person: what is theirs, then who they are; last, who is gone.

    A profile whose person is said has all that the person did by then, also the answers about consent. The other way
    round it would be decided on half of it.
    """

    def place(message: Message) -> tuple[bool, str, bool, str]:
        a_person = message["kind"] == PERSON
        return (a_person and message["op"] == DELETE, message["person_id"], a_person, subject(message))

    return tuple(sorted(messages, key=place))
