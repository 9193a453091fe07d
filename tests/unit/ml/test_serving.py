"""What the server is sent and answers, in each of its forms."""

import csv
import io
import json

import pytest

from c360_ml import rows as files
from c360_ml import serving
from c360_ml.errors import InputError
from c360_ml.prepare import NEWEST

LINES, JSON, CSV = "application/jsonlines", "application/json", "text/csv"


@pytest.fixture(scope="module")
def asked(prepared):
    return prepared.parts[NEWEST].head(9)


@pytest.fixture(scope="module")
def expected(asked, model):
    return model.score(asked).tolist()


def told(asked, model):
    return asked[["person_id", "cut_on", "currency", *model.about.columns]]


def answer(body, kind, model, accept):
    return serving.output_fn(serving.predict_fn(serving.input_fn(body, kind), model), accept)


@pytest.mark.parametrize("kind", [LINES, f"{LINES}; charset=utf-8", JSON])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_rows_with_names_come_back_with_their_people(asked, expected, model, kind, as_bytes):
    lines = files.lines(told(asked, model))
    body = "\n".join(lines) if kind.startswith(LINES) else f"[{','.join(lines)}]"
    for accept in (LINES, "*/*", ""):
        found = [
            json.loads(line) for line in answer(body.encode() if as_bytes else body, kind, model, accept).splitlines()
        ]
        assert [row["score"] for row in found] == expected
        assert [row["person_id"] for row in found] == asked["person_id"].tolist()
        amounts = {"currency"} if model.about.target == "value" else set()
        assert found[0].keys() == {"person_id", "cut_on", "score"} | amounts
    assert json.loads(answer(body, kind, model, JSON)) == found
    rows = list(csv.reader(io.StringIO(answer(body, kind, model, CSV))))
    assert [float(score) for _, score in rows] == expected


def test_one_object_is_one_row(asked, expected, model):
    body = files.lines(told(asked, model))[0]
    assert json.loads(answer(body, JSON, model, JSON))[0]["score"] == expected[0]


def test_csv_with_a_header_names_what_it_has(asked, expected, model):
    frame = asked[["currency", *model.about.columns]]
    found = answer(frame.to_csv(index=False), CSV, model, CSV)
    assert [float(line) for line in found.splitlines()] == expected


def test_csv_without_a_header_has_the_columns_in_their_order(asked, model):
    """It has no currency, so that amounts are in units of what is typical of everybody."""
    frame = asked[list(model.about.columns)]
    found = answer(frame.to_csv(index=False, header=False), CSV, model, CSV)
    assert [float(line) for line in found.splitlines()] == model.score(frame).tolist()


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        ("{", JSON, "it is no JSON"),
        ('{"a": 1}\n{', LINES, "it is no JSON"),
        ("[]", JSON, "there are no rows"),
        ("", LINES, "there are no rows"),
        ("", CSV, "there are no rows"),
        ("orders,spend\n", CSV, "a header and no rows"),
        ("1,2\n1\n", CSV, "row 2 has 1 values instead of 2"),
        ("[1]", JSON, "row 1 is no object"),
        ("<a/>", "text/xml", "'text/xml' is not known; send application/jsonlines"),
    ],
)
def test_what_cannot_be_read_says_why(body, kind, why):
    with pytest.raises(InputError, match=why):
        serving.input_fn(body, kind)


def test_a_row_of_another_length_names_the_columns(model):
    with pytest.raises(InputError, match="a row has 2 values; the model needs tenure_days"):
        serving.predict_fn(serving.input_fn("1,2\n", CSV), model)


def test_a_caller_who_accepts_nothing_known_is_told(asked, model):
    scored = serving.predict_fn(told(asked, model), model)
    with pytest.raises(InputError, match="'image/png' is not known; take application/jsonlines"):
        serving.output_fn(scored, "image/png")


def test_nobody_who_is_asked_without_a_name_gets_one(asked, expected, model):
    body = "\n".join(files.lines(asked[list(model.about.columns)]))
    found = [json.loads(line) for line in answer(body, LINES, model, LINES).splitlines()]
    assert [row.keys() for row in found] == [{"score"}] * len(expected)
