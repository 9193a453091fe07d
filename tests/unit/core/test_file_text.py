"""The texts of a file, in the words and forms of its contract."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import FileFormat
from c360_core.file_text import Texts

PLAIN = Texts(FileFormat())
GERMAN = Texts(
    FileFormat(
        date_formats=("dd.MM.yyyy", "M/d/yyyy"),
        timestamp_formats=("dd.MM.yyyy HH:mm:ss", "M/d/yyyy h:mm a", "yyyyMMdd'T'HHmmssXXX", "dd.MM.yyyy HH:mm:ss.SSS"),
        zone="Europe/Berlin",
        true_words=("ja", "1"),
        false_words=("nein", "0"),
        null_words=("NULL", "-"),
    )
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-27T00:00:00Z", "2026-11-27T00:00:00Z"),
        ("2026-11-27T00:00:00.123456789Z", "2026-11-27T00:00:00.123456789Z"),
        ("2026-11-27T01:00:00+01:00", "2026-11-27T00:00:00Z"),
        ("2026-11-26T19:30:00.5-04:30", "2026-11-27T00:00:00.5Z"),
        ("2026-11-27 01:00:00+0100", "2026-11-27T00:00:00Z"),
        ("2026-11-27 01:00:00 +01", "2026-11-27T00:00:00Z"),
        ("2026-11-27t00:00z", "2026-11-27T00:00:00Z"),
        ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
    ],
)
def test_an_offset_is_converted(text: str, value: str) -> None:
    assert PLAIN.value(text, "timestamp") == value
    assert GERMAN.value(text, "timestamp") == value


@pytest.mark.parametrize(
    "text",
    ["2026-11-27 00:00:00", "2026-11-27T00:00:00", "2026-02-30T00:00:00+01:00", "2026-11-27T00:00:00+19:00",
     "2026-11-27T00:00:00+01:60", "2026-11-27T25:00:00Z", "0001-01-01T00:00:00+01:00", "yesterday",
     "27.11.2026 01:00:00"],
)  # fmt: skip
def test_a_time_that_the_contract_does_not_know_stays_as_it_is(text: str) -> None:
    assert PLAIN.value(text, "timestamp") == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-27 01:00:00", "2026-11-27T00:00:00Z"),
        ("27.11.2026 01:00:00", "2026-11-27T00:00:00Z"),
        ("27.07.2026 02:00:00", "2026-07-27T00:00:00Z"),
        ("27.11.2026 01:00:00.250", "2026-11-27T00:00:00.250Z"),
        ("7/4/2026 12:05 AM", "2026-07-03T22:05:00Z"),
        ("7/4/2026 12:05 pm", "2026-07-04T10:05:00Z"),
        ("20261127T010000+02:00", "2026-11-26T23:00:00Z"),
        ("25.10.2026 02:30:00", "2026-10-25T00:30:00Z"),  # comes twice: the first is meant
    ],
)
def test_a_time_without_an_offset_is_read_in_the_contract_s_form_and_zone(text: str, value: str) -> None:
    assert GERMAN.value(text, "timestamp") == value


@pytest.mark.parametrize(
    "text", ["29.03.2026 02:30:00", "31.02.2026 01:00:00", "7/4/2026 13:05 PM", "7/4/2026 0:05 PM"]
)
def test_a_nonexistent_time_stays_unchanged(text: str) -> None:
    """The clocks skip half past two of 29 March."""
    assert GERMAN.value(text, "timestamp") == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("17.05.1980", "1980-05-17"), ("5/7/1980", "1980-05-07"), ("1980-05-17", "1980-05-17"),
     ("31.02.1980", "31.02.1980"),
     ("17.05.80", "17.05.80"), ("\u0661\u0667.05.1980", "\u0661\u0667.05.1980")],
)  # fmt: skip
def test_dates_are_read_in_the_contract_s_forms(text: str, value: str) -> None:
    assert GERMAN.value(text, "date") == value


@pytest.mark.parametrize(
    ("text", "plain", "german"),
    [("TRUE", "true", "true"), ("False", "false", "false"), ("JA", "JA", "true"), ("0", "0", "false"), ("maybe",) * 3,
     ("NULL", "NULL", None), ("null", "null", "null"), ("", None, None)],
)  # fmt: skip
def test_the_contract_says_which_words_are_true_false_and_nothing(
    text: str, plain: str | None, german: str | None
) -> None:
    assert PLAIN.value(text, "boolean") == plain
    assert GERMAN.value(text, "boolean") == german


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.timezones())  # noqa: DTZ001
def test_every_time_with_an_offset_is_the_same_moment(local: datetime, zone: object) -> None:
    moment = local.replace(microsecond=0, tzinfo=zone).astimezone(UTC).astimezone(zone)  # type: ignore[arg-type]
    text = moment.isoformat()
    if moment.utcoffset().seconds % 60 == 0:  # type: ignore[union-attr]  # local mean time has seconds
        assert PLAIN.value(text, "timestamp") == f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


@given(st.text(), st.sampled_from(["string", "boolean", "date", "timestamp", "integer", "number"]))
def test_any_text_is_read_or_left_unchanged(text: str, kind: str) -> None:
    assert GERMAN.value(text, kind) is not None or text in {"", "NULL", "-"}
