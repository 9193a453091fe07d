"""Which messages a run publishes on identity-changes: only those that differ from the latest message of their subject.

A table keeps the latest message of each person and identifier. A run first stores its messages there as unpublished,
then publishes them, and marks the rows as published when every reader has them. If a run stops in between, the table
shows which messages may have been sent, and the next run sends those again. Otherwise a reader that got only some of
them would keep a value that has changed back since.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from c360_core.identity.stable_ids import IdentityRun

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
        published: whether every reader has the message; if false, some readers may have it.
    """

    message: Message
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedState:
    """Persons and identifiers after a run.

    Attributes:
        persons: person id -> attributes, for every person.
        retired: id no longer in use -> the id that replaced it, or None.
        owners: identifier key -> person id.
    """

    persons: Mapping[str, Mapping[str, Any]]
    retired: Mapping[str, str | None]
    owners: Mapping[str, str]


def subject(message: Mapping[str, Any]) -> str:
    """Return the identifier key or person id of a message, which is its key on the stream and in the table."""
    return str(message["key"] if message["kind"] == IDENTIFIER else message["person_id"])


def changes(state: ResolvedState, latest: Iterable[LatestChange], run: IdentityRun) -> tuple[Message, ...]:
    """Return the messages of a run, in the order to send them.

    A message is published if it differs from the latest one of its subject, if its subject has none, or if readers may
    lack the latest one: its row is not marked as published, or was published before the stream was created. A person
    who gains or loses an identifier is published too, because a profile carries the version of the run it is based on.

    Args:
        state: persons and identifiers after the run.
        latest: the latest message of each subject; read once, never held in memory.
        run: this run.

    Raises:
        ValueError: a message is newer than the run, or an earlier try of the run published something else.
    """
    subjects = {*state.persons, *state.retired, *state.owners}
    up_to_date: set[str] = set()
    to_publish: dict[str, Message] = {}
    affected_persons: set[str] = set()
    for row in latest:
        about, version = subject(row.message), int(row.message["version"])
        message = _message(state, about, run) if about in subjects else _deletion(row.message, run)
        same = message == {**row.message, "version": run.version}
        _check_version(run, about, version, same=same)
        if same and row.published and version >= run.stream_created_at:
            up_to_date.add(about)
            continue
        to_publish[about] = message
        if message["kind"] == IDENTIFIER:
            affected_persons |= {message["person_id"], row.message["person_id"]}
    for about in subjects - up_to_date - to_publish.keys():
        to_publish[about] = message = _message(state, about, run)
        if message["kind"] == IDENTIFIER:
            affected_persons.add(message["person_id"])
    to_publish |= {person: _message(state, person, run) for person in affected_persons & state.persons.keys()}
    return _in_order(to_publish.values())


def _check_version(run: IdentityRun, about: str, version: int, *, same: bool) -> None:
    if version > run.version:
        raise ValueError(
            f"latest identity changes: {about} has version {version}, run {run.run_id} is older ({run.version}); "
            "start a new run instead of repeating an old one"
        )
    if version == run.version and not same:
        raise ValueError(
            f"latest identity changes: an earlier try of run {run.run_id} published a different message about {about}, "
            "because records have changed since; start a new run"
        )


def _message(state: ResolvedState, about: str, run: IdentityRun) -> Message:
    if about in state.persons:
        head = {"kind": PERSON, "op": UPSERT, "person_id": about, "version": run.version}
        return {**head, "survivor_id": None, **state.persons[about]}
    if about in state.retired:
        return _person_deletion(about, state.retired[about], run)
    return _identifier_message(UPSERT, about, state.owners[about], run)


def _deletion(latest: Message, run: IdentityRun) -> Message:
    """Return the delete message of a subject that no longer exists."""
    if latest["kind"] == IDENTIFIER:
        return _identifier_message(DELETE, latest["key"], latest["person_id"], run)
    return _person_deletion(latest["person_id"], None, run)


def _identifier_message(operation: str, key: str, person: str, run: IdentityRun) -> Message:
    return {"kind": IDENTIFIER, "op": operation, "key": key, "person_id": person, "version": run.version}


def _person_deletion(person: str, survivor: str | None, run: IdentityRun) -> Message:
    return {"kind": PERSON, "op": DELETE, "person_id": person, "version": run.version, "survivor_id": survivor}


def _in_order(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Sort messages by person: first the person's identifiers, then the person; deletions of persons come last.

    When the message about a person arrives, their profile then has all their earlier interactions, including answers
    about consent. In the opposite order, activation would decide on an incomplete profile.
    """

    def place(message: Message) -> tuple[bool, str, bool, str]:
        is_person = message["kind"] == PERSON
        return (is_person and message["op"] == DELETE, message["person_id"], is_person, subject(message))

    return tuple(sorted(messages, key=place))
