"""Items of the single view that the identity resolution writes."""

from glue_jobs.identity_resolve import single_view

UPSERT = {"kind": "identifier", "op": "upsert", "key": "email:ab12", "person_id": "p_1", "version": 7}
DELETE = {"kind": "identifier", "op": "delete", "key": "phone:cd34", "person_id": "p_1", "version": 7}
PERSON = {"kind": "person", "op": "upsert", "person_id": "p_1", "version": 7}
CHANGES = [PERSON, UPSERT, DELETE]


def test_identifiers_and_aliases_are_written_with_their_person() -> None:
    assert single_view.puts(CHANGES, {"p_old": "p_1"}, 7) == [
        {"PK": "ID#email#ab12", "SK": "PERSON", "person_id": "p_1", "version": 7},
        {"PK": "PERSON#p_old", "SK": "ALIAS", "person_id": "p_1", "version": 7},
    ]


def test_identifiers_of_nobody_and_aliases_of_people_in_use_are_deleted() -> None:
    assert single_view.deletes(CHANGES, ["p_1"]) == [
        {"PK": "ID#phone#cd34", "SK": "PERSON"},
        {"PK": "PERSON#p_1", "SK": "ALIAS"},
    ]
