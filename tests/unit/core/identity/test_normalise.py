from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.identity import normalise as n
from c360_core.identity import vocabulary
from c360_core.identity.records import match_form, match_record_id, match_row, prepare_record, record_from_row
from c360_core.identity.workflow import MATCH_FIELDS
from c360_core.names import IdentifierType

LOADED_AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (" Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("Ann Lee <ann.lee@example.com>", "ann.lee@example.com"),
        ("ann.lee (at) example.com", "ann.lee@example.com"),
        ("ann.lee+shop@example.com", "ann.lee@example.com"),
        ("A.n.n.Lee@googlemail.com", "annlee@gmail.com"),
    ],
)
def test_email_has_one_form_per_mailbox(raw, value):
    assert n.normalise_email(raw) == n.Normalised(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("j\u00f6rg@example.com", "j\u00f6rg@example.com"),
        ("Jo\u0308rg@example.com", "j\u00f6rg@example.com"),
        ("ann@m\u00fcller.example", "ann@xn--mller-kva.example"),
        ("ann@XN--MLLER-KVA.example", "ann@xn--mller-kva.example"),
        ("ann@\u30c9\u30e1\u30a4\u30f3\u3002jp", "ann@xn--eckwd4c7c.jp"),
        ("ann@stra\u00dfe.example", "ann@xn--strae-oqa.example"),
        ("\uff41\uff4e\uff4e\uff20\uff45\uff58\uff0e\uff43\uff4f", "ann@ex.co"),
    ],
)
def test_email_has_one_form_in_every_script(raw, value):
    assert n.normalise_email(raw) == n.Normalised(value)


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\ufeff", "\u200e", "\u2060", "\u00ad", "\u034f", "\ufe0f", "\u3164", "\x00"]
)
def test_invisible_characters_do_not_change_an_address(unseen):
    for raw in (f"{unseen}ann@example.com", f"an{unseen}n@exa{unseen}mple.com", f"ann@example.com{unseen} "):
        assert n.normalise_email(raw) == n.Normalised("ann@example.com")
        assert n.clean_email(raw) == "ann@example.com"


@pytest.mark.parametrize("raw", ["888@qq.com", "10000@qq.com", "12345@mail.ru", "a@b.co", "q@x.io", "oo@mail.org"])
def test_short_and_numeric_mailboxes_are_accepted(raw):
    assert n.normalise_email(raw) == n.Normalised(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "cy news@example.com",
        "ann @example.com",
        "ann@exam ple.com",
        "<ann@example.com>, <bob@example.com>",
        "ann@example.com, bob@example.com",
        "ann@xn--a-.com",
        "ann@xn--.com",
        "a\ud800nn@example.com",
        f"{'a' * 65}@example.com",
        f"ann@{'a.' * 200}com",
    ],
)
def test_a_text_that_is_no_address_stays_invalid(raw):
    assert n.normalise_email(raw) == n.Normalised(None, "invalid")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("test@test.com", "placeholder"),
        ("noemail@example.com", "placeholder"),
        ("xxx@example.com", "placeholder"),
        ("ann@mail.invalid", "placeholder"),
        ("info@example.com", "role_mailbox"),
        ("No-Reply@example.com", "role_mailbox"),
        ("ann.lee", "invalid"),
        ("ann@lee@", "invalid"),
        ("+@gmail.com", None),
        ("...@gmail.com", "invalid"),
    ],
)
def test_an_email_that_identifies_nobody_is_dropped_with_its_reason(raw, reason):
    assert n.normalise_email(raw).dropped == (reason or "placeholder")
    assert n.normalise_email(raw).value is None


@pytest.mark.parametrize("raw", ["(513) 555-0143", "513-555-0143", "+1 513 555 0143", "1 513.555.0143"])
def test_a_phone_number_is_e164_in_any_spelling(raw):
    assert n.normalise_phone(raw) == n.Normalised("+15135550143")


def test_phone_keeps_the_country_it_was_written_with():
    assert n.normalise_phone("+44 20 7946 0958").value == "+442079460958"
    assert n.normalise_phone("020 7946 0958", region="GB").value == "+442079460958"


@pytest.mark.parametrize(
    ("raw", "region", "value"),
    [
        ("+4915112345678.0", "US", "+4915112345678"),
        ("4155550123.0", "US", "+14155550123"),
        ("4155550123,0", "US", "+14155550123"),
        ("4.155550123E+09", "US", "+14155550123"),
        ("4915112345678.0", "DE", "+4915112345678"),
        ("0044 20 7946 0958", "US", "+442079460958"),
        ("(0044) 20 7946 0958", "AU", "+442079460958"),
        ("00 1 415 555 0123", "US", "+14155550123"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("8 912 345 67 89", "RU", "+79123456789"),
        ("0151 12345678", "DE", "+4915112345678"),
        ("+1+4155550123", "US", "+14155550123"),
        ("+1 +1 (415) 555-0123", "US", "+14155550123"),
        ("+1+442079460958", "US", "+442079460958"),
        ("+49+4915112345678", "US", "+4915112345678"),
        ("+1 415 555 0123 (home)", "US", "+14155550123"),
        ("Tel.: (415) 555-0123, after six", "US", "+14155550123"),
        ("415 555 0123 ext. 12", "US", "+14155550123"),
        ("\u200b415-555-0123\ufeff", "US", "+14155550123"),
        ("\uff14\uff11\uff15 555 0123", "US", "+14155550123"),
    ],
)
def test_a_phone_number_is_read_as_its_country_and_its_sender_write_it(raw, region, value):
    assert n.normalise_phone(raw, region) == n.Normalised(value)
    assert n.normalise_phone(value, region) == n.Normalised(value)


@pytest.mark.parametrize("raw", ["555-0123", "555.0143", "5550123", "555-0199 (home)", "+1 555 0123"])
def test_a_number_without_area_code_is_shown_and_identifies_nobody(raw):
    assert n.normalise_phone(raw) == n.Normalised(None, "no_area")
    record = prepare_record({"phone": raw}, source="s", key="1", loaded_at=LOADED_AT)
    assert (record.phone, record.placeholder_dropped) == (raw, ("phone:no_area",))
    assert match_form(record).phone is None
    assert match_row(record)["phone"] is None


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("8 912 345 67 89", "US"),
        ("4.9E+12", "DE"),
        ("415 555 0123 or 415 555 0199", "US"),
        ("020 7946 0958", "ZZ"),
        ("+" * 50_000, "US"),
        ("1-800-FLOWERS", "US"),
    ],
)
def test_an_ambiguous_or_foreign_number_is_dropped(raw, region):
    assert n.normalise_phone(raw, region) == n.Normalised(None, "invalid")


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("ru", "RU"),
        ("DEU", "DE"),
        ("Deutschland", "DE"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("", "US"),
        ("Atlantis", "ZZ"),
    ],
)
def test_a_country_becomes_its_code(raw, region):
    assert n.region_of(raw) == region


def test_a_record_is_read_as_its_country_writes():
    values = {"phone": "8 912 345 67 89", "postal_code": "1010", "birth_date": "1899-07-04"}
    here = prepare_record(values, source="s", key="1", loaded_at=LOADED_AT)
    assert (here.phone, here.postal_code, here.birth_date) == (None, "01010", None)
    there = prepare_record({**values, "country": "Russia"}, source="s", key="1", loaded_at=LOADED_AT)
    assert there.phone == "+79123456789"
    austria = prepare_record(values, source="s", key="1", loaded_at=LOADED_AT, region="AT", earliest_birth=date.min)
    assert (austria.postal_code, austria.birth_date) == ("1010", "1899-07-04")
    row = {**austria.as_row(), "birth_date": date(1899, 7, 4)}
    assert record_from_row(row) == austria


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("0000000000", "placeholder"),
        ("999-999-9999", "placeholder"),
        ("513-555-5555", "placeholder"),
        ("1234567890", "placeholder"),
        ("12", "invalid"),
        ("call me", "invalid"),
    ],
)
def test_a_phone_number_that_reaches_nobody_is_dropped_with_its_reason(raw, reason):
    assert n.normalise_phone(raw) == n.Normalised(None, reason)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Bob", "robert"),
        ("ROBERT", "robert"),
        ("Dr. Bob J.", "robert"),
        ("Amélie", "amelie"),
        ("J.", "j"),
        ("Ольга", "olga"),
    ],
)
def test_first_name_folds_case_accents_titles_and_nicknames(raw, value):
    assert n.normalise_first_name(raw).value == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [("O'Brien-Smith", "obriensmith"), ("OBRIEN SMITH Jr.", "obriensmith"), ("Oo", "oo"), ("Großmann", "grossmann")],
)
def test_a_last_name_is_reduced_to_its_letters(raw, value):
    assert n.normalise_last_name(raw).value == value


@pytest.mark.parametrize("raw", ["Test", "UNKNOWN customer", "xxx", "Walk-in"])
def test_made_up_names_are_placeholders(raw):
    words = raw.split()
    assert n.normalise_first_name(words[0]).dropped == "placeholder" or n.text_of(words[0]) == ""


@pytest.mark.parametrize("raw", ["Null", "Nan", "None", "NULL", "Na"])
def test_words_such_as_null_are_names(raw):
    assert n.normalise_last_name(raw) == n.Normalised(raw.lower())
    record = prepare_record({"first_name": raw, "last_name": raw}, source="s", key="1", loaded_at=LOADED_AT)
    assert (record.first_name, record.last_name) == (raw, raw)


@pytest.mark.parametrize(
    "raw", ["\U0001f600", "\u2764\ufe0f", "\U0001f1e6\U0001f1f9", "\u2605\u2605", "-", "N/A", "\u200b"]
)
def test_emoji_are_no_names(raw):
    assert n.normalise_first_name(raw) == n.normalise_last_name(raw) == n.ABSENT
    assert prepare_record({"first_name": raw}, source="s", key="1", loaded_at=LOADED_AT).first_name is None
    assert n.normalise_first_name(f"Anna {raw}").value == "anna" or raw == "N/A"


@pytest.mark.parametrize(
    ("name", "first", "last", "generation"),
    [
        ("John Smith Jr", "John", "smith", "jr"),
        ("John Smith, Jr.", "John", "smith", "jr"),
        ("Smith Sr., John", "John", "smith", "sr"),
        ("Smith, John, III", "John", "smith", "iii"),
        ("John Smith II MD", "John", "smith", "ii"),
        ("Anna Senior", "Anna", "senior", None),
        ("John Smith", "John", "smith", None),
    ],
)
def test_a_suffix_stays_with_the_family_name_and_says_the_generation(name, first, last, generation):
    record = prepare_record({"name": name}, source="s", key="1", loaded_at=LOADED_AT)
    assert record.first_name.split()[0] == first
    assert (match_form(record).last_name, match_form(record).generation) == (last, generation)


def test_street_unifies_words_and_keeps_numbers():
    forms = {
        n.normalise_street(raw).value
        for raw in ("12 North Main Street, Apt. #4", "12 N. Main St 4", "12 n main st unit 4")
    }
    assert forms == {"12 n main st 4"}
    assert n.normalise_street("12 N Main St 5").value not in forms


def test_postal_code_survives_spreadsheets():
    assert [n.normalise_postal_code(raw).value for raw in ("02134-1021", "2134", "2134.0", 2134)] == ["02134"] * 4
    assert n.normalise_postal_code("00000").dropped == "placeholder"


@pytest.mark.parametrize(
    ("raw", "region", "value"),
    [
        *[(code, "US", code) for code in ("12345", "22222", "33333", "44444", "55555")],
        ("D-10115", "US", "10115"),
        ("D 01067", "US", "01067"),
        ("1067", "DE", "01067"),
        ("1010", "AT", "1010"),
        ("A-1010", "US", "1010"),
        ("CH-8001", "US", "8001"),
        ("150", "NO", "0150"),
        ("IL 60601", "US", "60601"),
        ("IN 46201-1234", "US", "46201"),
        ("sw1a 1aa", "GB", "SW1A1AA"),
        ("K1A 0B1", "CA", "K1A0B1"),
        ("00-950", "PL", "00950"),
        ("1000-205", "PT", "1000205"),
        ("110 00", "CZ", "11000"),
        ("2134", "ZZ", "2134"),
    ],
)
def test_a_postal_code_has_the_form_of_its_country(raw, region, value):
    assert n.normalise_postal_code(raw, region) == n.Normalised(value)


def test_a_state_becomes_its_code():
    assert [n.normalise_state(raw).value for raw in ("Ohio", "oh", "New York")] == ["OH", "OH", "NY"]


@pytest.mark.parametrize("raw", ["1980-05-17", "19800517", "5/17/1980", date(1980, 5, 17), "1980-05-17T00:00:00"])
def test_birth_date_is_iso(raw):
    assert n.normalise_birth_date(raw).value == "1980-05-17"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("1900-01-01", "placeholder"), ("1880-02-03", "invalid"), ("2026-03-02", "invalid"), ("soon", "invalid")],
)
def test_an_impossible_birth_date_is_dropped(raw, reason):
    assert n.normalise_birth_date(raw, today=date(2026, 3, 1)) == n.Normalised(None, reason)


@pytest.mark.parametrize("raw", [None, "", "  ", "N/A", "null", "-"])
def test_an_empty_value_is_absent_and_no_placeholder(raw):
    for kind in IdentifierType:
        assert n.normalise(kind, raw) == n.ABSENT


def test_other_identifiers_have_one_form():
    assert n.normalise(IdentifierType.LOYALTY_ID, " l 123 ").value == "L123"
    assert n.normalise(IdentifierType.LOYALTY_ID, "000000").dropped == "placeholder"
    assert n.normalise(IdentifierType.DEVICE_ID, "00000000-0000-0000").dropped == "placeholder"
    assert n.normalise(IdentifierType.DEVICE_ID, "d-Ab").value == "d-Ab"
    assert n.normalise(IdentifierType.IP, "2001:DB8::0:1").value == "2001:db8::1"
    assert n.normalise(IdentifierType.IP, "10.0.0.300").dropped == "invalid"


FORMS = [
    n.normalise_email,
    n.normalise_phone,
    n.normalise_first_name,
    n.normalise_last_name,
    n.normalise_street,
    n.normalise_city,
    n.normalise_state,
    n.normalise_postal_code,
    n.normalise_birth_date,
    *(lambda raw, kind=kind: n.normalise(kind, raw) for kind in IdentifierType),
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[A-Za-z.+]{1,12}@[a-z]{1,8}\.(com|org)", fullmatch=True),
    st.from_regex(r"\+?1?[ (]?[2-9][0-9]{2}[) -]?[2-9][0-9]{2}[ -]?[0-9]{4}", fullmatch=True),
    st.dates().map(str),
)


@given(TEXTS)
def test_normalising_twice_changes_nothing(raw):
    for form in FORMS:
        value = form(raw).value
        if value is not None:
            assert form(value).value == value


@given(TEXTS)
def test_a_value_is_kept_or_dropped_with_a_reason_or_absent(raw):
    for form in FORMS:
        result = form(raw)
        assert result.value != ""
        assert not (result.value and result.dropped)


def test_no_vocabulary_entry_is_folded_twice():
    for table in (vocabulary.NICKNAMES, vocabulary.ADDRESS_WORDS):
        assert not {value for value in table.values() if value} & table.keys()
    assert not vocabulary.AMBIGUOUS_NICKNAMES.keys() & vocabulary.NICKNAMES.keys()


def test_a_record_shows_given_values_and_lists_dropped_ones():
    record = prepare_record(
        {
            "name": "O'Brien, Bob",
            "email": "Bob+x@Example.com",
            "email_verified": "true",
            "phone": "0000000000",
            "birth_date": "1900-01-01",
            "state": "Ohio",
            "updated_at": "2026-02-01T10:00:00+02:00",
            "unknown_column": 1,
        },
        source="crm_contacts",
        key="7",
        loaded_at=LOADED_AT,
    )
    assert (record.record_id, record.first_name, record.last_name) == ("crm_contacts:7", "Bob", "O'Brien")
    assert (record.email, record.phone, record.birth_date, record.state) == ("bob+x@example.com", None, None, "OH")
    assert record.placeholder_dropped == ("phone:placeholder", "birth_date:placeholder")
    assert record.updated_at == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert record.email_verified
    assert (match_form(record).first_name, match_form(record).email) == ("robert", "bob@example.com")


def test_a_record_survives_a_round_trip_through_its_table():
    record = prepare_record({"first_name": "Ann", "birth_date": "1980-05-17"}, source="s", key="1", loaded_at=LOADED_AT)
    row = {
        **record.as_row(),
        "loaded_at": datetime(2026, 3, 1),  # noqa: DTZ001  # as Spark hands it over
        "birth_date": date(1980, 5, 17),
        "email_verified": None,
    }
    assert record_from_row(row) == record


def test_a_record_without_key_or_with_a_wrong_time_names_the_field():
    with pytest.raises(ValueError, match="source s: field key"):
        prepare_record({}, source="s", key="", loaded_at=LOADED_AT)
    with pytest.raises(ValueError, match="field updated_at is 'soon'"):
        prepare_record({"updated_at": "soon"}, source="s", key="1", loaded_at=LOADED_AT)


def test_the_matcher_gets_exactly_its_columns_under_an_id_it_accepts():
    record = prepare_record({"first_name": "Bob"}, source="crm_contacts", key="7/ü", loaded_at=LOADED_AT)
    row = match_row(record)
    assert list(row) == [field.name for field in MATCH_FIELDS]
    assert row["match_record_id"] == match_record_id("crm_contacts:7/ü")
    assert len(row["match_record_id"]) == 32
    assert row["match_record_id"].isalnum()
