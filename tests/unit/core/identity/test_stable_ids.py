from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.identity.stable_ids import IdentityRun, PersonIdChange, assign, person_id

FIRST, SECOND, THIRD = (IdentityRun(run_id=f"run-{i}", version=1_770_000_000_000 + i) for i in range(3))
RECORDS = "abcdefgh"
# A partition: for each record, the number of its cluster.
PARTITIONS = st.lists(st.integers(0, 4), min_size=len(RECORDS), max_size=len(RECORDS))


def clusters_of(numbers):
    found = {}
    for record, number in zip(RECORDS, numbers, strict=True):
        found.setdefault(number, []).append(record)
    return list(found.values())


def test_an_id_is_a_ulid_of_run_and_founding_record():
    one = person_id(FIRST, "a")
    assert one == person_id(FIRST, "a")
    assert (
        len(
            {
                one,
                person_id(FIRST, "b"),
                person_id(SECOND, "a"),
                person_id(IdentityRun(run_id="x", version=FIRST.version), "a"),
            }
        )
        == 4
    )
    assert one.startswith("p_01")
    assert len(one) == 28
    assert person_id(FIRST, "a")[:12] == person_id(FIRST, "b")[:12]
    assert max(person_id(FIRST, r) for r in RECORDS) < min(person_id(THIRD, r) for r in RECORDS)


def test_the_known_ulid_of_a_known_time():
    # 2021-01-01T00:00:00Z is 1609459200000 ms: 01EV0 6S0 G0 in ULID's alphabet.
    assert person_id(IdentityRun(run_id="r", version=1_609_459_200_000), "a")[2:12] == _crockford(1_609_459_200_000)


def _crockford(number):
    digits = ""
    for _ in range(10):
        number, rest = divmod(number, 32)
        digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[rest] + digits
    return digits


def test_a_merge_keeps_the_id_with_more_records_and_leaves_an_alias():
    before = assign([["a", "b"], ["c"]], {}, FIRST)
    after = assign([["a", "b", "c"]], before.persons, SECOND)
    large, small = before.persons["a"], before.persons["c"]
    assert set(after.persons.values()) == {large}
    assert after.aliases == {small: large}
    assert after.changes == (PersonIdChange(kind="merged", person_id=small, into=large),)


def test_a_merge_of_equals_keeps_the_older():
    old = assign([["b"]], {}, FIRST).persons
    young = assign([["a"], ["b"]], old, SECOND).persons
    merged = assign([["a", "b"]], young, THIRD)
    assert set(merged.persons.values()) == {old["b"]}


def test_a_split_keeps_the_id_with_the_larger_part():
    before = assign([["a", "b", "c"]], {}, FIRST)
    after = assign([["a"], ["b", "c"]], before.persons, SECOND)
    assert after.persons["b"] == before.persons["a"]
    assert after.persons["a"] == person_id(SECOND, "a")
    assert after.changes == (PersonIdChange(kind="created", person_id=after.persons["a"]),)


def test_a_merge_that_is_undone_gives_both_ids_back():
    before = assign([["a", "b"], ["c"]], {}, FIRST)
    merged = assign([["a", "b", "c"]], before.persons, SECOND)
    former = {before.persons["c"]: ["c"]}
    undone = assign([["a", "b"], ["c"]], merged.persons, THIRD, former)
    assert undone.persons == before.persons
    assert undone.aliases == {}
    assert undone.changes == (PersonIdChange(kind="restored", person_id=before.persons["c"]),)


def test_a_former_id_does_not_come_back_to_a_minority():
    undone = assign(
        [["a"], ["b", "c", "d"]], {"a": "p_1", "b": "p_1", "c": "p_1", "d": "p_1"}, SECOND, {"p_0": ["a", "b", "c"]}
    )
    assert undone.persons["a"] == person_id(SECOND, "a")


def test_aliases_of_aliases_point_to_the_one_in_use():
    after = assign([["a", "b", "c"]], {"a": "p_2", "b": "p_2", "c": "p_3"}, SECOND, {"p_1": ["c"]})
    assert after.aliases == {"p_1": "p_2", "p_3": "p_2"}


def test_an_id_without_records_is_removed_without_alias():
    after = assign([["a"]], {"a": "p_1", "z": "p_2"}, SECOND)
    assert after.aliases == {}
    assert after.changes == (PersonIdChange(kind="removed", person_id="p_2"),)


def test_a_record_in_two_clusters_is_an_error():
    with pytest.raises(ValueError, match="more than one cluster"):
        assign([["a"], ["a", "b"]], {}, FIRST)


@pytest.mark.parametrize(
    ("run_id", "version", "field"), [("", 1, "run_id"), ("r", 0, "version"), ("r", 1 << 48, "version")]
)
def test_a_wrong_run_names_its_field(run_id, version, field):
    with pytest.raises(ValueError, match=field):
        IdentityRun(run_id=run_id, version=version)


@given(PARTITIONS, PARTITIONS, st.randoms())
def test_order_does_not_matter(first, second, chance):
    before = assign(clusters_of(first), {}, FIRST).persons
    shuffled = clusters_of(second)
    chance.shuffle(shuffled)
    for members in shuffled:
        chance.shuffle(members)
    items = list(before.items())
    chance.shuffle(items)
    assert assign(shuffled, dict(items), SECOND) == assign(clusters_of(second), before, SECOND)


@given(PARTITIONS, PARTITIONS)
def test_the_same_people_keep_their_ids(first, second):
    before = assign(clusters_of(first), {}, FIRST).persons
    once = assign(clusters_of(second), before, SECOND)
    again = assign(clusters_of(second), once.persons, THIRD)
    assert again.persons == once.persons
    assert again.changes == ()


@settings(max_examples=200)
@given(st.lists(PARTITIONS, min_size=2, max_size=6))
def test_over_many_runs_ids_never_move_to_other_people_and_aliases_take_one_hop(history):
    persons, owners, former = {}, {}, {}
    for number, numbers in enumerate(history):
        run = IdentityRun(run_id=f"run-{number}", version=1_770_000_000_000 + number)
        clusters = clusters_of(numbers)
        result = assign(clusters, persons, run, former)
        assert sorted(result.persons) == list(RECORDS)
        by_person = Counter(result.persons.values())
        assert sorted(by_person.values()) == sorted(map(len, clusters))
        assert all(target in by_person for target in result.aliases.values())
        assert not result.aliases.keys() & by_person.keys()
        for person in by_person:
            members = {r for r, p in result.persons.items() if p == person}
            assert members & owners.get(person, members)
            owners[person] = owners.get(person, set()) | members
        assert result.aliases.keys() == owners.keys() - by_person.keys()
        gone = set(persons.values()) - set(by_person)
        former |= {old: [r for r, p in persons.items() if p == old] for old in gone}
        former = {old: records for old, records in former.items() if old not in by_person}
        persons = dict(result.persons)
