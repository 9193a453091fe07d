import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.identity.clustering import Guard, cluster
from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.records import IdentityRecord
from tests.factories.people import town
from twin.scenario.scoring import score

LOADED_AT = datetime(2026, 3, 1, tzinfo=UTC)
GUARD = Guard()


def record(record_id, **values):
    return IdentityRecord(record_id=record_id, source="crm_contacts", loaded_at=LOADED_AT, **values)


def group(rule, *record_ids):
    return MatchGroup(match_id=f"m-{rule}", rule=rule, record_ids=record_ids)


def people(records, groups=(), guard=GUARD):
    return {"".join(members) for members in cluster(records, groups, guard).clusters}


def test_records_that_share_a_strong_identifier_are_one_person():
    records = [
        record("a", loyalty_id="L1", email="ann@example.com"),
        record("b", loyalty_id="L1"),
        record("c", email="ann@example.com", phone="+15135550143", last_name="Lee"),
        record("d", phone="+15135550143", last_name="Lee"),
    ]
    assert people(records) == {"abcd"}


def test_records_that_a_source_joined_are_one_person():
    records = [
        record("a", loyalty_id="L1", joined_by="web:1"),
        record("b", loyalty_id="L2", joined_by="web:1"),
        record("c", loyalty_id="L2", first_name="Ann"),
        record("d", loyalty_id="L3", joined_by="web:2"),
    ]
    assert people(records) == {"abc", "d"}


def test_a_source_cannot_join_two_whose_names_or_birth_dates_differ():
    names = {"first_name": "Ann"}, {"first_name": "Zoltan"}
    birth_dates = {"birth_date": "1980-01-01"}, {"birth_date": "1950-07-07"}
    for one, other in (names, birth_dates):
        records = [record("a", joined_by="web:1", **one), record("b", joined_by="web:1", **other)]
        assert people(records) == {"a", "b"}


def test_groups_of_the_matcher_are_evidence():
    records = [record("a", first_name="Ann"), record("b", first_name="Ann"), record("c", first_name="Ann")]
    assert people(records, [group("name-birth-date", "a", "b", "deleted")]) == {"ab", "c"}


def test_a_couple_with_one_mailbox_stays_two_people():
    records = [
        record("a", first_name="Ann", email="lees@example.com"),
        record("b", first_name="Ann", email="lees@example.com"),
        record("c", first_name="Bob", email="lees@example.com"),
    ]
    result = cluster(records, [group("email", "a", "b", "c")], GUARD)
    assert result.clusters == (("a", "b"), ("c",))
    assert result.stats["refused_first_name"] == 2


SUFFIXES = {
    "sr": ("Smith Sr", "Smith, Senior"),
    "jr": ("Smith Jr.", "Smith, Junior"),
    "ii": ("Smith II",),
    "iii": ("Smith III",),
}
SUFFIXED = [(generation, name) for generation, names in SUFFIXES.items() for name in names]


@pytest.mark.parametrize("one", SUFFIXED)
@pytest.mark.parametrize("other", SUFFIXED)
def test_generations_contradict_each_other(one, other):
    home = {"first_name": "John", "street": "12 Main St", "postal_code": "45202", "email": "smiths@example.com"}
    records = [record("a", last_name=one[1], **home), record("b", last_name=other[1], **home)]
    result = cluster(records, [group("name-address", "a", "b")], GUARD)
    assert len(result.clusters) == (1 if one[0] == other[0] else 2)
    assert (result.stats["refused_generation"] > 0) == (one[0] != other[0])


def test_a_name_without_suffix_fits_neither_generation_for_certain():
    home = {"first_name": "John", "email": "smiths@example.com"}
    records = [
        record("a", last_name="Smith Sr", **home),
        record("b", last_name="Smith Jr", **home),
        record("c", last_name="Smith", **home),
    ]
    assert people(records) == {"a", "b", "c"}


@pytest.mark.parametrize("shared", [{"phone": "+15135550143"}, {"email": "desk@shop.example.com"}])
def test_a_value_on_many_records_without_a_name_is_the_shops(shared):
    few = [record(f"{n:02d}", **shared) for n in range(GUARD.max_unnamed_records_per_value)]
    assert len(cluster(few, [], GUARD).clusters) == 1
    many = [record(f"{n:02d}", case_customer_id=f"S{n}", **shared) for n in range(20)]
    named = record("z", first_name="Ann", last_name="Lee", **shared)
    result = cluster([*many, named], [], GUARD)
    assert len(result.clusters) == 21
    assert result.stats["dropped_values"] == 1


def test_logins_with_one_mailbox_are_one_person_on_any_number_of_devices():
    logins = [record(f"{n:02d}", device_id=f"d{n}", email="ann@example.com", email_verified=True) for n in range(20)]
    assert len(cluster(logins, [], GUARD).clusters) == 1


def test_father_and_son_of_one_name_stay_two_people():
    records = [
        record("a", first_name="John", last_name="Lee", birth_date="1950-05-17", email="lees@example.com"),
        record("b", first_name="John", last_name="Lee", birth_date="1981-11-02", email="lees@example.com"),
    ]
    result = cluster(records, [group("name-address", "a", "b")], GUARD)
    assert result.clusters == (("a",), ("b",))
    assert result.stats["refused_birth_date"] == 2


def test_typos_do_not_split_a_person():
    records = [
        record("a", first_name="Katherine", birth_date="1980-05-07", email="kate@example.com"),
        record("b", first_name="Kathreine", birth_date="1980-07-05", email="kate@example.com"),
        record("c", first_name="K.", email="Kate@example.com"),
    ]
    assert people(records) == {"abc"}
    assert people([*records[::2], record("d", first_name="Kate", email="kate@example.com")]) == {"acd"}


def test_a_record_that_could_be_either_of_a_couple_is_joined_to_neither():
    records = [
        record("a", first_name="Ann", email="lees@example.com"),
        record("b", first_name="Bob", email="lees@example.com"),
        record("c", email="lees@example.com"),
        record("d", email="lees@example.com"),
    ]
    result = cluster(records, [], GUARD)
    assert result.clusters == (("a",), ("b",), ("c",), ("d",))
    assert result.stats["ambiguous"] == 2


def test_stronger_evidence_decides_who_owns_a_record():
    records = [
        record("a", first_name="Ann", email="lees@example.com", loyalty_id="L1"),
        record("b", first_name="Bob", email="lees@example.com"),
        record("c", email="lees@example.com", loyalty_id="L1"),
    ]
    assert people(records) == {"ac", "b"}


def test_a_reassigned_number_joins_nobody():
    records = [
        record("a", first_name="Ann", last_name="Leeds", phone="+15135550143"),
        record("b", first_name="Ann", last_name="Miller", phone="+15135550143"),
        record("c", first_name="Ann", last_name="Leeds-Clark", phone="+15135550143"),
    ]
    assert people(records) == {"ac", "b"}


def test_a_value_that_too_many_names_share_is_no_evidence():
    names = ["Ann", "Bob", "Carl", "Dora", "Emil", "Fay", "Gus"]
    records = [record(f"{i}{name}", first_name=name, email="front@example.com") for i in range(2) for name in names]
    result = cluster(records, [], GUARD)
    assert len(result.clusters) == 14
    assert result.stats["dropped_values"] == 1


def test_a_value_that_too_many_records_share_is_no_evidence():
    records = [record(f"r{i}", email="kiosk@example.com") for i in range(6)]
    assert len(people(records, guard=Guard(max_records_per_value=5))) == 6
    assert len(people(records, guard=Guard(max_records_per_value=6))) == 1


def test_a_person_does_not_grow_beyond_the_limit():
    records = [record(f"r{i}", email="kiosk@example.com") for i in range(6)]
    result = cluster(records, [], Guard(max_records_per_person=4))
    assert max(map(len, result.clusters)) == 4
    assert result.stats["refused_size"] == 2


def test_a_typo_in_a_mailbox_is_tolerated_for_a_full_name_but_not_in_its_digits():
    records = [
        record("a", first_name="John", last_name="Smith", email="john.smith51@example.com"),
        record("b", first_name="Jack", last_name="Smith", email="jonh.smith51@example.com"),
        record("c", first_name="John", last_name="Smith", email="john.smith52@example.com"),
        record("d", first_name="John", last_name="Miller", email="john.smiht51@example.com"),
    ]
    assert people(records) == {"ab", "c", "d"}


def test_each_record_says_why_it_is_in_its_cluster():
    records = [record("a", loyalty_id="L1"), record("b", loyalty_id="L1"), record("c"), record("d"), record("e")]
    memberships = cluster(records, [group("name-address", "a", "c", "d")], GUARD).memberships
    assert {key: why.rule for key, why in memberships.items()} == {
        "a": "loyalty_id", "b": "loyalty_id", "c": "name-address", "d": "name-address", "e": "alone",
    }  # fmt: skip
    assert (memberships["c"].match_id, memberships["e"].match_id) == ("m-name-address", None)


def test_a_record_given_twice_is_an_error():
    with pytest.raises(ValueError, match="record_id a occurs more than once"):
        cluster([record("a"), record("a")], [], GUARD)


def test_a_limit_below_one_is_an_error():
    with pytest.raises(ValueError, match="max_records_per_person is 0"):
        Guard(max_records_per_person=0)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000))
def test_the_order_of_records_does_not_matter(seed):
    records = list(town(40, seed=seed % 5).records)
    groups = [group("name-birth-date", *(r.record_id for r in records[i : i + 2])) for i in range(0, 20, 4)]
    expected = cluster(records, groups, GUARD)
    random.Random(seed).shuffle(records)
    assert cluster(records, groups[::-1], GUARD) == expected


def test_no_person_contradicts_itself():
    made = town(400)
    by_id = {r.record_id: r for r in made.records}
    for members in cluster(made.records, [], GUARD).clusters:
        births = {by_id[r].birth_date[:4] for r in members if by_id[r].birth_date}
        assert len(births) <= 1


def test_made_up_people_are_found_with_few_mistakes():
    made = town(600)
    result = cluster(made.records, [], GUARD)
    agreement = score({r: i for i, members in enumerate(result.clusters) for r in members}, made.truth)
    assert agreement.b_cubed.precision > 0.98
    assert agreement.b_cubed.recall > 0.89
