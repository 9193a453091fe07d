"""Customers who have changed are seen, and those who have not are left alone."""

import json
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_ml import drift as script
from c360_ml import drift_page, prepare
from c360_ml import rows as files
from c360_ml.drift import Thresholds, drift, moved, psi
from c360_ml.errors import InputError
from c360_ml.prepare import HOLDOUT, NEWEST, VALIDATION
from c360_ml.train import REFERENCE, reference

LIMITS = Thresholds(psi_warning=0.1, psi_alarm=0.25, ks_p=0.01, ks_least=0.1, label=0.1)
NUMBERS = st.lists(st.one_of(st.floats(-100, 100), st.just(np.nan)), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def before(prepared, model):
    return reference(model, prepared.parts[VALIDATION], seed=1)


@given(NUMBERS)
def test_the_same_numbers_in_another_order_have_not_moved(numbers):
    some = np.array(numbers)
    assert psi(some, some[::-1]) == pytest.approx(0)


@given(NUMBERS, NUMBERS)
def test_an_index_is_never_below_zero_and_never_infinite(one, other):
    index = psi(np.array(one), np.array(other))
    assert -1e-9 <= index < np.inf


def test_the_index_is_that_of_its_definition():
    """Tenths of the earlier rows, of which the lowest now has half of the people."""
    before = np.arange(1000.0)
    now = np.concatenate([np.full(500, 1.0), np.arange(0, 1000, 2.0)])
    shares = np.array([550.0, *[50.0] * 9]) / 1000
    assert psi(before, now) == pytest.approx(((shares - 0.1) * np.log(shares / 0.1)).sum(), rel=0.02)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda numbers: numbers + 0.01, "steady"),
        (lambda numbers: numbers + 0.3, "warning"),
        (lambda numbers: numbers + 1.0, "alarm"),
        (lambda numbers: np.where(np.arange(len(numbers)) % 2, np.nan, numbers), "alarm"),
    ],
)
def test_a_column_that_moves_is_seen(change, verdict):
    chance = np.random.default_rng(1)
    found = moved("orders", chance.normal(size=2000), change(chance.normal(size=2000)), LIMITS)
    assert found.verdict == verdict, found


def test_a_small_difference_of_many_people_is_none():
    """It is no chance, and it does not matter."""
    chance = np.random.default_rng(1)
    found = moved("orders", chance.normal(size=50_000), chance.normal(size=50_000) + 0.05, LIMITS)
    assert found.ks_p < LIMITS.ks_p
    assert found.verdict == "steady"


def test_a_column_without_numbers_is_no_error():
    empty, some = np.full(50, np.nan), np.arange(50.0)
    assert moved("csat", empty, empty, LIMITS).verdict == "steady"
    assert moved("csat", some, empty, LIMITS).verdict == "alarm"
    assert moved("csat", empty, some, LIMITS).ks is None


def test_the_people_of_the_training_have_not_moved(prepared, model, before):
    same = prepared.parts[VALIDATION]
    found = drift(model, before, same, same, LIMITS)
    assert (found["verdict"], found["reasons"]) == ("steady", [])
    assert found["label"]["difference"] == 0
    assert found["people"] == len(same)


def test_customers_who_buy_less_are_seen_in_features_and_scores(prepared, model, before):
    part = prepared.parts[VALIDATION]
    fewer = part.assign(
        recency_days=part["recency_days"] + 120, orders_3_months=0.0, spend_3_months=0.0, something_new=1.0
    )
    found = drift(model, before, fewer, None, LIMITS)
    assert found["verdict"] == found["score"]["verdict"] == "alarm"
    alarmed = {one["column"] for one in found["features"] if one["verdict"] == "alarm"}
    assert alarmed == {"recency_days", "orders_3_months", "spend_3_months"}
    assert found["new"] == [name for name in ("returns", "churned", "spend_next_3_months", "something_new")
                            if name != prepared.target.label]  # fmt: skip
    assert found["label"] is None


def test_a_currency_that_loses_its_worth_is_no_drift_of_the_others(prepared, model, before):
    """Amounts are compared in units of their currency."""
    part = prepared.parts[VALIDATION]
    euros = part[part["currency"] == "EUR"]
    found = drift(model, before, euros, None, LIMITS)
    money = [one for one in found["features"] if one["column"].startswith("spend")]
    assert [one["verdict"] for one in money] == ["steady"] * 3


def test_outcomes_that_move_are_seen(prepared, model, before):
    label = prepared.target.label
    part = prepared.parts[HOLDOUT]
    found = drift(model, before, part, part.assign(**{label: 0.0}), LIMITS)
    assert found["label"]["verdict"] == found["verdict"] == "alarm"
    assert found["label"]["now"] == 0
    assert found["label"]["foretold"] > 0
    assert any(reason.startswith("outcomes: ") for reason in found["reasons"])
    with pytest.raises(InputError, match=f"known: column `{label}` is missing or empty"):
        drift(model, before, part, part.drop(columns=label), LIMITS)


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta"}:
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]
        assert tag != "script"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_else(prepared, model, before):
    found = drift(model, before, prepared.parts[NEWEST], prepared.parts[HOLDOUT], LIMITS)
    for report in (found, {**found, "label": None, "reasons": ["`<b>` & more"], "verdict": "alarm"}):
        page = Page()
        page.feed(drift_page.page(report))
        assert (page.open, page.addresses) == ([], [])
        text = " ".join(page.text)
        assert all(
            name in text for name in (*model.about.columns, report["verdict"], report["cut"], *report["reasons"])
        )


def test_the_script_writes_the_report_and_the_page(prepared, model, before, tmp_path, caplog):
    prepare.write(prepared, tmp_path)
    model.save(tmp_path / "model")
    arguments = ["--current", str(tmp_path / "newest"), "--output", str(tmp_path / "out")]
    arguments += ["--target", model.target.name, "--model", str(tmp_path / "model")]
    assert script.main([*arguments, "--known", str(tmp_path / "holdout")]) == 1
    assert "reference.parquet is missing; train the model again" in caplog.messages[-1]

    files.write(before, tmp_path / "model" / REFERENCE)
    assert script.main([*arguments, "--known", str(tmp_path / "holdout")]) == 0
    found = json.loads((tmp_path / "out" / "drift.json").read_text())
    assert found == drift(model, before, prepared.parts[NEWEST], prepared.parts[HOLDOUT], LIMITS)
    assert found["thresholds"] == asdict(LIMITS)
    assert (tmp_path / "out" / "drift.html").read_text() == drift_page.page(found)
    assert (
        script.main([*arguments, "--known", str(tmp_path / "nothing"), "--psi-alarm", "99", "--psi_warning", "98"]) == 0
    )
    found = json.loads((tmp_path / "out" / "drift.json").read_text())
    assert found["label"] is None
    assert found["verdict"] != "alarm"
