import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.identity.match_groups import MatchOutputError, match_groups_from_output
from twin.providers.entity_resolution.matching import (
    AttributeMatchingModel,
    EmailVariant,
    InputField,
    MatchingError,
    Workflow,
    WorkflowRule,
    match,
    normalised_address,
    normalised_email,
    normalised_value,
    values_of,
)

ID = InputField(name="id", type="UNIQUE_ID")
NAME = InputField(name="name", type="STRING", match_key="Name")
EMAIL = InputField(name="email", type="STRING", match_key="Email")
PHONE = InputField(name="phone", type="STRING", match_key="Phone")
MOBILE = InputField(name="mobile", type="STRING", match_key="Phone")


def workflow(*rules, fields=(ID, NAME, EMAIL, PHONE), **more):
    return Workflow(
        fields=fields,
        rules=tuple(WorkflowRule(name="+".join(keys), match_keys=keys) for keys in rules),
        apply_normalization=False,
        **more,
    )


def found(rows, flow):
    return {(group.rule, "".join(group.record_ids)) for group in match(rows, flow)}


def test_all_keys_of_a_rule_must_be_equal():
    rows = [
        {"id": "a", "name": "x", "email": "1"},
        {"id": "b", "name": "x", "email": "1"},
        {"id": "c", "name": "x", "email": "2"},
    ]
    assert found(rows, workflow(("Name", "Email"))) == {("Name+Email", "ab"), ("", "c")}


def test_matched_records_leave_the_waterfall():
    rows = [
        {"id": "a", "name": "x", "email": "1"},
        {"id": "b", "name": "x", "email": "1", "phone": "9"},
        {"id": "c", "phone": "9"},
        {"id": "d", "phone": "9"},
    ]
    assert found(rows, workflow(("Name", "Email"), ("Phone",))) == {("Name+Email", "ab"), ("Phone", "cd")}


def test_empty_values_never_match():
    rows = [{"id": "a", "name": "", "email": None}, {"id": "b", "name": " ", "email": None}, {"id": "c"}]
    assert found(rows, workflow(("Name",), ("Email",))) == {("", "a"), ("", "b"), ("", "c")}


def test_one_to_one_compares_a_field_with_itself_and_fields_of_a_key_are_alternatives():
    rows = [
        {"id": "a", "phone": "1", "mobile": "2"},
        {"id": "b", "phone": "2", "mobile": "3"},
        {"id": "c", "phone": "4", "mobile": "3"},
    ]
    flow = workflow(("Phone",), fields=(ID, PHONE, MOBILE))
    assert found(rows, flow) == {("Phone", "bc"), ("", "a")}


def test_many_to_many_compares_any_field_of_a_key_with_any():
    rows = [
        {"id": "a", "phone": "1", "mobile": "2"},
        {"id": "b", "phone": "2", "mobile": "3"},
        {"id": "c", "phone": "4", "mobile": "3"},
    ]
    flow = workflow(("Phone",), fields=(ID, PHONE, MOBILE), model=AttributeMatchingModel.MANY_TO_MANY)
    assert found(rows, flow) == {("Phone", "abc")}


def test_fields_of_a_group_are_one_value():
    fields = (
        ID,
        InputField(name="first", type="NAME_FIRST", match_key="Name", group="name"),
        InputField(name="last", type="NAME_LAST", match_key="Name", group="name"),
    )
    flow = Workflow(fields=fields, rules=(WorkflowRule(name="n", match_keys=("Name",)),))
    rows = [
        {"id": "a", "first": "Ann ", "last": "O'Lee"},
        {"id": "b", "first": "ANN", "last": "olee"},
        {"id": "c", "last": "olee"},
    ]
    assert found(rows, flow) == {("n", "ab"), ("", "c")}


@given(
    st.permutations([{"id": str(i), "name": str(i % 3), "email": str(i % 4), "phone": str(i % 5)} for i in range(12)])
)
def test_the_order_of_records_does_not_matter(rows):
    flow = workflow(("Name", "Email"), ("Phone",))
    assert match(rows, flow) == match(sorted(rows, key=lambda row: row["id"]), flow)


def test_every_record_is_in_exactly_one_group():
    rows = [{"id": str(i), "name": str(i % 7), "email": str(i % 3)} for i in range(50)]
    ids = [record for group in match(rows, workflow(("Name",), ("Email",))) for record in group.record_ids]
    assert sorted(ids) == sorted(str(i) for i in range(50))


def test_a_group_past_the_quota_is_an_error_that_names_the_rule():
    rows = [{"id": str(i), "email": "same"} for i in range(501)]
    with pytest.raises(MatchingError, match=r"rule Email: 501 records in one group; the quota is 500"):
        match(rows, workflow(("Email",)))


@pytest.mark.parametrize(
    ("rules", "fields", "message"),
    [
        ([("Nme",)], (ID, NAME), "rule Nme: match key Nme is in no field"),
        ([], (ID, NAME), "rules: 0 given"),
        ([("Name",)] * 26, (ID, NAME), "rules: 26 given"),
        ([()], (ID, NAME), "0 match keys"),
        ([("Name",)], (NAME,), "type UNIQUE_ID"),
    ],
)
def test_a_workflow_that_the_service_refuses_is_refused(rules, fields, message):
    with pytest.raises(MatchingError, match=message):
        workflow(*rules, fields=fields)


def test_email_has_the_two_documented_forms():
    assert normalised_email(" Ann.Lee+x@Example.com", EmailVariant.GLOSSARY) == "annlee@example.com"
    assert normalised_email("Ann <Ann.Lee+x (at) Example.com>", EmailVariant.LIBRARY) == "ann.lee+x@example.com"


def test_address_words_are_shortened_and_house_numbers_kept():
    assert normalised_address("12 North Main Street #4") == normalised_address("12 n. main st number 4") == "12nmainst4"


def test_phone_gets_its_country_and_loses_leading_zeros():
    assert [normalised_value(text, "PHONE") for text in ("(513) 555-0143", "+15135550143", "1-513-555-0143")] == [
        "15135550143"
    ] * 3
    fields = (
        ID,
        InputField(name="code", type="PHONE_COUNTRYCODE", match_key="Phone", group="p"),
        InputField(name="number", type="PHONE_NUMBER", match_key="Phone", group="p"),
    )
    flow = Workflow(fields=fields, rules=(WorkflowRule(name="p", match_keys=("Phone",)),))
    assert values_of({"code": "+44", "number": "020 7946 0958"}, flow) == [("Phone", "p", "442079460958")]


def test_parts_of_a_name_are_normalised_only_in_a_group_and_hashes_never():
    fields = (
        ID,
        InputField(name="first", type="NAME_FIRST", match_key="First"),
        InputField(name="hash", type="EMAIL_ADDRESS", match_key="Email", hashed=True),
    )
    flow = Workflow(fields=fields, rules=(WorkflowRule(name="f", match_keys=("First",)),))
    assert values_of({"first": " Ann", "hash": "A+b@c.de"}, flow) == [
        ("First", "first", "Ann"),
        ("Email", "hash", "A+b@c.de"),
    ]


def test_output_rows_become_groups_of_two_or_more():
    rows = [
        {"MatchID": "m1", "MatchRule": "r", "record_id": "b"},
        {"MatchID": "m1", "MatchRule": "r", "record_id": "a"},
        {"MatchID": "m2", "MatchRule": "", "record_id": "c"},
    ]
    (group,) = match_groups_from_output(rows)
    assert (group.match_id, group.rule, group.record_ids) == ("m1", "r", ("a", "b"))
    with pytest.raises(MatchOutputError, match="column record_id is missing"):
        match_groups_from_output([{"MatchID": "m1", "MatchRule": "r"}])
