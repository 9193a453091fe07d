import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.identity.announcements import LatestChange, subject
from c360_core.identity.clustering import Guard
from c360_core.identity.keys import identifier_key
from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.records import IdentityRecord
from c360_core.identity.resolve import IdentityRun, resolve
from c360_core.names import IdentifierType

SECRET = b"0123456789abcdef"
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400_000
RECORDS = "abcdef"


def run(number, stream_created_at=0):
    version = int(START.timestamp() * 1000) + number * DAY
    return IdentityRun(run_id=f"run-{number}", version=version, stream_created_at=stream_created_at)


def record(record_id, **values):
    return IdentityRecord(record_id=record_id, source="crm_contacts", loaded_at=START, **values)


def key(kind, value):
    return identifier_key(SECRET, kind, value)


class Tables:
    """The identity map and the latest changes, as the job stores them."""

    def __init__(self):
        self.map = {}
        self.latest = {}

    def run(self, records, number, groups=(), *, stopped=False, stream_created_at=0):
        done = resolve(
            records,
            groups,
            self.map.values(),
            run(number, stream_created_at),
            secret=SECRET,
            latest=self.latest.values(),
        )
        for row in (*done.closed, *done.opened):
            self.map[row.record_id, row.valid_from] = row
        self.latest |= {subject(m): LatestChange(message=m, published=not stopped) for m in done.changes}
        return done

    def current(self):
        return {row.record_id: row.person_id for row in self.map.values() if row.valid_to is None}


def messages_of(done, kind, operation):
    return [message for message in done.changes if (message["kind"], message["op"]) == (kind, operation)]


def test_a_first_run_opens_a_row_per_record_and_publishes_every_person():
    tables = Tables()
    done = tables.run(
        [record("a", email="Ann@example.com", first_name="Ann"), record("b", email="ann@example.com"), record("c")], 0
    )
    persons = tables.current()
    assert persons["a"] == persons["b"] != persons["c"]
    assert [(r.record_id, r.valid_from, r.valid_to, r.version, r.rule) for r in done.opened] == [
        ("a", START, None, run(0).version, "email"),
        ("b", START, None, run(0).version, "email"),
        ("c", START, None, run(0).version, "alone"),
    ]
    (upsert,) = [m for m in messages_of(done, "person", "upsert") if m["person_id"] == persons["a"]]
    assert upsert["first_name"] == "Ann"
    assert (upsert["record_count"], upsert["survivor_id"], upsert["version"]) == (2, None, run(0).version)
    assert messages_of(done, "identifier", "upsert") == [
        {
            "kind": "identifier", "op": "upsert", "key": key(IdentifierType.EMAIL, "ann@example.com"),
            "person_id": persons["a"], "version": run(0).version,
        }
    ]  # fmt: skip
    assert json.loads(json.dumps(done.changes)) == list(done.changes)
    assert (done.stats["persons_created"], done.stats["clusters"], done.stats["records"]) == (2, 2, 3)


def test_a_person_is_published_after_their_identifiers_and_before_the_next_person():
    tables = Tables()
    tables.run([record("d", email="old@example.com")], 0)
    done = tables.run(
        [
            record("a", email="ann@example.com", phone="+15135550143", crm_id="C1"),
            record("b", email="bob@example.com", loyalty_id="L1"),
        ],
        1,
    )

    people = [message["person_id"] for message in done.changes if message["op"] == "upsert"]
    assert people == sorted(people)
    for person in set(people):
        kinds = [message["kind"] for message in done.changes if message["person_id"] == person]
        assert kinds.index("person") == len(kinds) - 1 > 0
    assert [(m["kind"], m["op"]) for m in done.changes][-1] == ("person", "delete")


def test_the_next_run_on_the_same_records_changes_nothing():
    tables, records = Tables(), [record("a", email="ann@example.com"), record("b", phone="+15135550143")]
    first = tables.run(records, 0)
    second = tables.run(records, 1)
    assert (second.opened, second.closed) == ((), ())
    assert second.owners == first.owners
    assert second.changes == ()


def test_messages_of_a_deleted_stream_are_published_again_once():
    tables, records = Tables(), [record("a", email="ann@example.com"), record("b", phone="+15135550143")]
    first = tables.run(records, 0)
    newer_stream = run(0).version + 1
    second = tables.run(records, 1, stream_created_at=newer_stream)
    assert [{**message, "version": run(0).version} for message in second.changes] == list(first.changes)
    assert len(second.changes) == 4
    third = tables.run(records, 2, stream_created_at=newer_stream)
    assert third.changes == ()


def test_a_merge_closes_the_rows_of_the_smaller_person_and_names_the_survivor():
    tables = Tables()
    tables.run(
        [record("a", email="ann@example.com"), record("b", email="ann@example.com"), record("c", loyalty_id="L1")], 0
    )
    before = tables.current()
    done = tables.run(
        [
            record("a", email="ann@example.com"),
            record("b", email="ann@example.com", loyalty_id="L1"),
            record("c", loyalty_id="L1"),
        ],
        1,
    )
    assert tables.current() == dict.fromkeys("abc", before["a"])
    assert [(row.record_id, row.person_id, row.valid_to) for row in done.closed] == [
        ("c", before["c"], START + timedelta(days=1))
    ]
    (deleted,) = messages_of(done, "person", "delete")
    assert (deleted["person_id"], deleted["survivor_id"], deleted["version"]) == (
        before["c"],
        before["a"],
        run(1).version,
    )
    (moved,) = messages_of(done, "identifier", "upsert")
    assert (moved["key"], moved["person_id"]) == (key(IdentifierType.LOYALTY_ID, "L1"), before["a"])
    assert done.aliases == {before["c"]: before["a"]}


def test_a_merge_that_is_undone_gives_the_old_ids_back():
    apart = [record("a", email="ann@example.com"), record("b", email="ann@example.com"), record("c")]
    group = MatchGroup(match_id="m", rule="name-address", record_ids=("a", "c"))
    tables = Tables()
    tables.run(apart, 0)
    before = tables.current()
    tables.run(apart, 1, [group])
    assert len(set(tables.current().values())) == 1
    undone = tables.run(apart, 2)
    assert tables.current() == before
    assert undone.aliases == {}
    assert undone.stats["persons_restored"] == 1
    assert messages_of(undone, "person", "delete") == []


def test_a_chain_of_merges_leaves_aliases_of_one_hop():
    tables = Tables()
    tables.run(
        [record("a", email="1@example.com"), record("b", email="2@example.com"), record("c", email="3@example.com")], 0
    )
    first = tables.current()
    rows = [
        record("a", email="1@example.com", phone="+15135550141"),
        record("b", email="2@example.com", phone="+15135550141"),
    ]
    tables.run([*rows, record("c", email="3@example.com")], 1)
    done = tables.run([*rows, record("c", email="3@example.com", phone="+15135550141")], 2)
    (survivor,) = set(tables.current().values())
    assert done.aliases == {person: survivor for person in first.values() if person != survivor}


def test_a_deleted_record_closes_its_row_and_releases_its_identifiers():
    tables = Tables()
    tables.run([record("a", email="ann@example.com"), record("b", crm_id="C1")], 0)
    gone = tables.current()["b"]
    done = tables.run([record("a", email="ann@example.com")], 1)
    assert [row.record_id for row in done.closed] == ["b"]
    assert [m["survivor_id"] for m in messages_of(done, "person", "delete")] == [None]
    assert [(m["key"], m["person_id"]) for m in messages_of(done, "identifier", "delete")] == [
        (key(IdentifierType.CRM_ID, "C1"), gone)
    ]


def test_a_run_repeated_after_the_map_was_written_gives_the_same_result():
    records = [record("a", email="ann@example.com"), record("b", loyalty_id="L1"), record("c", loyalty_id="L2")]
    later = [record("a", email="ann@example.com", loyalty_id="L1"), record("b", loyalty_id="L1")]
    tables = Tables()
    tables.run(records, 0)
    tried = tables.run(later, 1, stopped=True)
    written = dict(tables.map)
    again = tables.run(later, 1)
    assert again == tried
    assert tables.map == written


def test_a_run_older_than_the_map_is_refused():
    tables = Tables()
    tables.run([record("a")], 1)
    with pytest.raises(ValueError, match=r"record a has version .* run run-0 is older"):
        tables.run([record("a")], 0)


def test_two_open_rows_of_a_record_are_refused():
    done = resolve([record("a")], [], [], run(0), secret=SECRET)
    twice = [*done.opened, replace(done.opened[0], valid_from=START - timedelta(days=1))]
    with pytest.raises(ValueError, match="record a has two open rows"):
        resolve([record("a")], [], twice, run(1), secret=SECRET)


def test_the_mailbox_of_a_couple_belongs_to_the_one_who_verified_it():
    records = [
        record("a", first_name="Ann", email="lees@example.com"),
        record("b", first_name="Ann", email="lees@example.com"),
        record("c", first_name="Bob", email="lees@example.com", email_verified=True),
    ]
    tables = Tables()
    done = tables.run(records, 0)
    assert list(done.owners.values()) == [tables.current()["c"]]


@pytest.mark.parametrize("newest", ["a", "b", "c"])
def test_the_mailbox_of_a_couple_has_no_owner_until_one_of_them_verifies_it(newest):
    later = {"updated_at": START + timedelta(days=1)}
    records = [
        record("a", first_name="Ann", last_name="Lee", email="lees@example.com", **(later if newest == "a" else {})),
        record("b", first_name="Bob", last_name="Lee", email="lees@example.com", **(later if newest == "b" else {})),
        record("c", email="lees@example.com", email_verified=True, device_id="d", **(later if newest == "c" else {})),
    ]
    tables = Tables()
    done = tables.run(records, 0)
    persons = tables.current()
    assert len(set(persons.values())) == 3
    mailbox = key(IdentifierType.EMAIL, "lees@example.com")
    assert mailbox not in done.owners
    assert done.stats["identifiers_disputed"] == 1


def test_a_number_of_two_people_has_no_owner():
    phone = {"phone": "+15135550143"}
    done = resolve(
        [record("a", first_name="Ann", **phone), record("b", first_name="Bob", crm_id="C1", **phone), record("c")],
        [],
        [],
        run(0),
        secret=SECRET,
    )
    assert list(done.owners) == [key(IdentifierType.CRM_ID, "C1")]


def test_twenty_cases_without_a_name_and_one_number_are_twenty_people_and_the_number_is_shared():
    cases = [record(f"k{n:02d}", case_customer_id=f"S{n}", phone="+15135550143") for n in range(20)]
    done = resolve(cases, [], [], run(0), secret=SECRET)
    assert len(done.persons) == 20
    assert key(IdentifierType.PHONE, "+15135550143") not in done.owners
    assert (done.stats["dropped_values"], done.stats["identifiers_disputed"]) == (1, 1)


def test_a_device_of_several_people_has_no_owner():
    records = [
        record("a", first_name="Ann", device_id="d"),
        record("b", first_name="Bob", device_id="d"),
        record("c", cookie_id="k"),
    ]
    tables = Tables()
    done = tables.run(records, 0)
    assert done.owners == {key(IdentifierType.COOKIE_ID, "k"): tables.current()["c"]}
    assert done.stats["identifiers_disputed"] == 1


def test_a_value_that_many_people_claim_has_no_owner():
    records = [record(f"r{i}", first_name=name, phone="+15135550143") for i, name in enumerate(("Ann", "Bob", "Carl"))]
    done = resolve(records, [], [], run(0), secret=SECRET, guard=Guard(max_first_names_per_value=2))
    assert done.owners == {}
    assert done.stats["dropped_values"] == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 3), min_size=len(RECORDS), max_size=len(RECORDS)), min_size=1, max_size=5))
def test_the_stream_adds_up_to_the_tables_over_any_history(history):
    """A reader of the stream knows the same people and identifiers as the tables, at any time."""
    tables, people, keys, aliases = Tables(), {}, {}, {}
    for number, numbers in enumerate(history):
        # 0: the record does not exist in this run.
        records = [record(r, loyalty_id=f"L{n}", crm_id=f"C{r}") for r, n in zip(RECORDS, numbers, strict=True) if n]
        done = tables.run(records, number)
        for message in done.changes:
            if message["kind"] == "identifier":
                keys[message["key"]] = message["person_id"] if message["op"] == "upsert" else None
            elif message["op"] == "upsert":
                people[message["person_id"]] = message["record_count"]
                aliases.pop(message["person_id"], None)
            else:
                people.pop(message["person_id"], None)
                aliases[message["person_id"]] = message["survivor_id"]
        current = tables.current()
        assert current.keys() == {r.record_id for r in records}
        assert people == Counter(current.values())
        assert {k: p for k, p in keys.items() if p} == done.owners
        assert {old: new for old, new in aliases.items() if new} == dict(done.aliases)
        assert all(survivor in people for survivor in done.aliases.values())
