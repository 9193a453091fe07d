"""What a contract may say of values and of its files: single rules, without a whole contract around them."""

from typing import Any

import pytest

from tools.contracts.file_format import file_format_problems
from tools.contracts.rules import _constraint_problems, _Report

REPORT = _Report(file="some.odcs.yaml", path="column")
# Read alike by Python, Java and DQDL; the Spark suite shows them to Java.
GOOD_PATTERNS = [
    "^C[0-9]{6,12}$", "^[0-9]{5}(-[0-9]{4})?$", "^(a|b|cd)+[.]?$", "^[^A-Z]*$", "^[A-Za-z_ -]{2,}$", "^(?:yes|no)$",
    "^[-+]?[0-9]+$", "^[é-ü]{1,3}$", "^a&b$", "^[&a]$", "^#x y$",
]  # fmt: skip


def constraint_problems(kind: str, field: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in _constraint_problems(REPORT, kind, field)]


@pytest.mark.parametrize("pattern", GOOD_PATTERNS)
def test_a_pattern_that_is_read_alike_passes(pattern: str) -> None:
    assert constraint_problems("string", {"logicalTypeOptions": {"pattern": pattern}}) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "^(?P<a>[A-Z])$", "^(?i:a)$", "^(?=A)A$", "^[A-Z]{,2}$", "^[[A-Z]$", "^[a&&b]$", "^[]a]$", "^a{$", "^.{2}$",
        "^A|B$", "^[A-Z]+?$", "^[A-Z]++$", "^(?>A)B$", "^(?<!B)A$", "^a$b$", "^[a-c-e]$", "^(?#x)A$", "^a}$", "^(*a)$",
        "^[^^]$", "^(?u)é$", "^[A-Z$", "^(a$", "^a**$", "^[z-a]$", "^a{3,2}$", "^a{99999}$",
    ],
)  # fmt: skip
def test_a_pattern_that_is_not_read_alike_is_refused_with_a_fix(pattern: str) -> None:
    (problem,) = constraint_problems("string", {"logicalTypeOptions": {"pattern": pattern}})
    assert problem.startswith("some.odcs.yaml: column.pattern: ")
    assert "use literals, classes" in problem or "correct it" in problem


@pytest.mark.parametrize("value", ['6" pipe', "O'Neil", "back\\slash", "two\nlines", "\t", "", "\x7f"])
def test_an_enum_value_that_dqdl_cannot_hold_is_refused(value: str) -> None:
    (problem,) = constraint_problems("string", {"enum": [{"value": "good"}, {"value": value}]})
    assert "column.enum" in problem
    assert "leave them out" in problem


@pytest.mark.parametrize("value", ["Zoé", "a, b", "x]", "100 %", "{}", "漢字 🙂"])
def test_other_marks_may_be_in_an_enum_value(value: str) -> None:
    assert constraint_problems("string", {"enum": [{"value": value}]}) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", float("nan")), ("integer", float("-inf")), ("integer", 1.5), ("integer", True),
        ("number", float("nan")), ("number", float("inf")), ("number", 1e30), ("number", 1e-9), ("number", "1"),
    ],
)  # fmt: skip
def test_a_bound_that_is_no_plain_number_is_refused(kind: str, value: Any) -> None:
    (problem,) = constraint_problems(kind, {"logicalTypeOptions": {"minimum": value}})
    assert "column.minimum" in problem
    assert "plain digits" in problem


@pytest.mark.parametrize(("kind", "value"), [("integer", -3), ("number", 12.5), ("number", -0.25), ("number", 10**30)])
def test_plain_numbers_are_bounds(kind: str, value: float) -> None:
    assert constraint_problems(kind, {"logicalTypeOptions": {"maximum": value}}) == []


FORMAT = {
    "delimiter": ";", "encoding": "windows-1252", "headerCase": "ignore", "quote": "'", "escape": "\\",
    "comment": "#", "skipLines": 2, "header": True, "dateFormats": ["dd.MM.yyyy", "M/d/yyyy"],
    "timestampFormats": ["dd.MM.yyyy HH:mm", "M/d/yyyy h:mm a", "yyyyMMdd'T'HHmmssXXX"], "zone": "Europe/Berlin",
    "trueWords": ["ja", "1"], "falseWords": ["nein", "0"], "nullWords": ["NULL", "-"],
}  # fmt: skip


COLUMNS = ("id", "name", "city")
JSON_LINES = {
    "type": "json_lines", "missingColumns": "empty",
    "columns": {"name": "person.name", "city": ["person", "home.town"]},
}  # fmt: skip


def test_everything_that_a_format_may_say() -> None:
    assert list(file_format_problems(FORMAT)) == []
    assert list(file_format_problems({})) == []
    assert list(file_format_problems(JSON_LINES, COLUMNS)) == []


@pytest.mark.parametrize(
    ("key", "value", "message", "fix"),
    [
        ("separator", ";", "is unknown", "use one of type"),
        ("delimiter", ";;", "`;;` is unknown", "use one of `,`"),
        ("delimiter", '"', "is unknown", "use one of `,`"),
        ("encoding", "utf8mb4", "`utf8mb4` is unknown", "`utf-8`"),
        ("quote", "|", "`|` is unknown", "an empty text (none)"),
        ("escape", "/", "`/` is unknown", "`\\`"),
        ("comment", ";", "`;` is unknown", "use one of `#`"),
        ("skipLines", -1, "`-1` is no number of lines", "up to 100"),
        ("skipLines", True, "`True` is no number of lines", "up to 100"),
        ("header", "no", "`no` is neither true nor false", "without quotes"),
        ("nullWords", ["\\N"], "with the escape", "reads as N"),
        ("headerCase", "upper", "`upper` is unknown", "`exact`, `ignore`"),
        ("trueWords", [True], "`True` is no text", "put it in quotes"),
        ("nullWords", "NULL", "is no list", "write a list"),
        ("nullWords", [""], "`` is no text", "put it in quotes"),
        ("nullWords", ["Nein"], "`Nein` is among the falseWords, too", "one of them"),
        ("trueWords", ["false"], "`false` is among the falseWords, too", "one of them"),
        ("dateFormats", ["dd.MM.yy"], "`yy` is unknown", "correct it"),
        ("dateFormats", ["MM.yyyy"], "no whole date", "correct it"),
        ("dateFormats", ["dd.MM.yyyy d"], "the day is there twice", "correct it"),
        ("dateFormats", ["dd.MM.yyyy HH:mm"], "has a time of day", "alone"),
        ("timestampFormats", ["dd.MM.yyyy"], "has no time of day", "add the hour"),
        ("timestampFormats", ["dd.MM.yyyy hh:mm"], "need `a`", "correct it"),
        ("timestampFormats", ["dd.MM.yyyy 'at HH"], "not closed", "correct it"),
        ("zone", "Mars/Base", "`Mars/Base` is no IANA zone", "such as UTC"),
        ("zone", "America", "`America` is no IANA zone", "such as UTC"),
        ("zone", "../etc", "is no IANA zone", "such as UTC"),
        ("zone", 1, "is no IANA zone", "such as UTC"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused_with_key_and_fix(key: str, value: Any, message: str, fix: str) -> None:
    ((found, said, mended),) = file_format_problems({**FORMAT, key: value})
    assert (found, message in said, fix in mended) == (key, True, True)


@pytest.mark.parametrize(
    ("key", "value", "found", "message", "fix"),
    [
        ("type", "xlsx", "type", "`xlsx` is unknown", "use one of `csv`, `json_lines`, `parquet`, `xml`"),
        ("type", ["csv"], "type", "is unknown", "use one of"),
        ("delimiter", ";", "delimiter", "means nothing for json_lines", "say `type: csv`"),
        ("missingColumns", True, "missingColumns", "`True` is unknown", "`reject`, `empty`"),
        ("columns", ["name"], "columns", "is no mapping", "<column>: <its name in the file>"),
        ("columns", {"nam": "Name"}, "columns.nam", "is no column of the contract", "id, name, city"),
        ("columns", {"name": ""}, "columns.name", "`` is no path", "<name>.<name>"),
        ("columns", {"name": "a..b"}, "columns.name", "`a..b` is no path", "<name>.<name>"),
        ("columns", {"name": [1]}, "columns.name", "is no path", "a list of names"),
        ("columns", {"name": 3}, "columns.name", "is no path", "a list of names"),
        ("columns", {"name": "id"}, "columns.name", "is in the same place as `id`", "of its own"),
        ("columns", {"name": "a", "city": "a.b"}, "columns.city", "is in the same place as `name`", "of its own"),
    ],
)
def test_a_format_of_records_that_cannot_be_used_is_refused(
    key: str, value: Any, found: str, message: str, fix: str
) -> None:
    ((where, said, mended),) = file_format_problems({**JSON_LINES, key: value}, COLUMNS)
    assert (where, message in said, fix in mended) == (found, True, True), (where, said, mended)


def test_parquet_has_no_encoding() -> None:
    (found,) = file_format_problems({"type": "parquet", "encoding": "utf-8"})
    assert (found[0], "means nothing for parquet" in found[1]) == ("encoding", True)


@pytest.mark.parametrize(
    ("said", "message"),
    [({}, "is missing"), ({"rowElement": "a b"}, "`a b` is no name"), ({"rowElement": "x:row"}, "`x:row` is no name"),
     ({"rowElement": ""}, "`` is no name"), ({"rowElement": 1}, "`1` is no name")],
)  # fmt: skip
def test_xml_needs_the_name_of_its_rows(said: dict[str, Any], message: str) -> None:
    (found,) = file_format_problems({"type": "xml", **said})
    assert (found[0], message in found[1], "such as order" in found[2]) == ("rowElement", True, True)
    assert list(file_format_problems({"type": "xml", "rowElement": "Order_Line-2"})) == []


def test_without_a_header_columns_have_no_names() -> None:
    found = list(file_format_problems({"header": False, "headerCase": "ignore", "columns": {"id": "Id"}}, COLUMNS))
    assert [(key, message) for key, message, _ in found] == [
        ("columns", "means nothing without a header"), ("headerCase", "means nothing without a header"),
    ]  # fmt: skip
    assert list(file_format_problems({"header": False, "quote": ""})) == []


def test_csv_has_no_columns_within_columns() -> None:
    assert list(file_format_problems({"columns": {"name": "Last.Name", "city": "City"}}, COLUMNS)) == []
    (found,) = file_format_problems({"columns": {"name": ["Last", "Name"]}}, COLUMNS)
    assert "CSV has no columns within columns" in found[1]
    (found,) = file_format_problems({"missingColumns": "empty"}, COLUMNS)
    assert (found[0], "say `type: json_lines or parquet or xml`" in found[2]) == ("missingColumns", True)


def test_times_without_an_offset_need_a_zone() -> None:
    found = list(file_format_problems({"timestampFormats": ["dd.MM.yyyy HH:mm", "yyyy-MM-dd HH:mmXXX"]}))
    assert [key for key, _, _ in found] == ["zone"]
    assert [key for key, _, _ in file_format_problems("utf-8")] == [""]
