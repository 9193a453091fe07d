"""Rows are divided by time, and what nothing honest can be learned from is refused."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_ml import features, prepare, script
from c360_ml import rows as files
from c360_ml.errors import InputError
from c360_ml.prepare import HOLDOUT, NEWEST, TRAIN, VALIDATION
from c360_ml.targets import KEYS, LABELS_OF_CHURN, SUMS
from tests.factories import churn_rows
from tests.unit.ml.conftest import divided, trained

ROOT = Path(__file__).parents[3]
HELD_OUT = date(2025, 9, 1)
PEOPLE = churn_rows.orders(150, seed=5)
BEFORE = divided(churn_rows.rows(PEOPLE))


def test_the_parts_are_later_and_later(prepared):
    cuts = {name: sorted(part["cut_on"].unique()) for name, part in prepared.parts.items()}
    assert cuts == {
        TRAIN: ["2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01", "2025-05-01"],
        VALIDATION: ["2025-06-01"],
        HOLDOUT: ["2025-09-01"],
        NEWEST: ["2025-12-01"],
    }
    assert prepared.split.recent == ("2025-04-01", "2025-05-01"), "their outcome was not known at the validation cut"
    assert not {"churned", "spend_next_3_months"} & set(prepared.parts[NEWEST].columns), "nobody knows these yet"
    assert prepared.chosen.dropped == {"returns": "is the same for everybody"}
    assert not {"person_id", "cut_on", "currency", "churned", "spend_next_3_months"} & set(prepared.chosen.columns)


@settings(max_examples=15, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 149), st.integers(0, 100), st.floats(1, 500)), min_size=1, max_size=30)
)
def test_what_happens_from_the_held_out_cut_on_changes_nothing_that_is_learned_from(changes):
    added = [
        churn_rows.Order(person=f"p{who:04}", on=HELD_OUT + timedelta(days=after), amount=amount, currency="EUR")
        for who, after, amount in changes
        if any(order.person == f"p{who:04}" for order in PEOPLE)
    ]
    forgotten = [order for order in PEOPLE if order.on < HELD_OUT or order.amount > 40]
    after = divided(churn_rows.rows([*forgotten, *added]), people=10, of_a_class=1)
    for part in (TRAIN, VALIDATION):
        pd.testing.assert_frame_equal(after.parts[part], BEFORE.parts[part])
    columns = list(BEFORE.chosen.columns)
    held_out = [prepared.parts[HOLDOUT].set_index("person_id")[columns].sort_index() for prepared in (BEFORE, after)]
    pd.testing.assert_frame_equal(*held_out)


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (lambda rows: rows["churned"].fillna(0) * 5, "alone ranks"),
        (lambda rows: 1 - rows["churned"].fillna(0), "alone ranks"),
        (lambda rows: rows["churned"].fillna(0) + np.arange(len(rows)) % 7 / 10, "alone ranks"),
        # Neither more nor less, but in the middle.
        (lambda rows: np.where(rows["churned"] == 1, 0, np.arange(len(rows)) % 2 * 2 - 1), "alone ranks"),
        (lambda rows: np.where(rows["churned"] == 1, np.nan, np.arange(len(rows)) % 9), "alone ranks"),
        (lambda rows: np.where(rows["churned"].isna(), np.nan, np.arange(len(rows)) % 9), "is empty at the newest cut"),
        (
            lambda rows: pd.to_datetime(rows["cut_on"]) + pd.to_timedelta(np.arange(len(rows)) % 3 - 2, unit="D"),
            "date that is not before the cut",
        ),
    ],
)
def test_a_column_that_knows_what_comes_is_refused(rows, plant, why):
    planted = rows.assign(days_until_gone=plant(rows))
    with pytest.raises(InputError, match=rf"`days_until_gone` .*{why}.*Take it out of `churn_features`"):
        divided(planted)


def test_what_is_spent_later_is_refused_as_a_feature_of_value(rows):
    planted = rows.assign(basket_value=rows["spend_next_3_months"].fillna(0) * 1.1 + 3)
    with pytest.raises(InputError, match=r"`basket_value` alone ranks `spend_next_3_months`"):
        divided(planted, "value")
    with pytest.raises(InputError, match=r"`gone` alone ranks `spend_next_3_months`"):
        divided(rows.assign(gone=rows["churned"].fillna(0) * 2), "value")


def test_no_honest_column_is_a_leak(prepared):
    found = features.leaks(
        prepared.parts[TRAIN], prepared.parts[NEWEST], prepared.chosen.columns, prepared.target, limit=0.98
    )
    assert found == []


def test_a_column_that_comes_is_a_feature_with_the_next_training(rows):
    grown = rows.assign(visits=np.arange(len(rows)) % 11)
    assert "visits" in trained(divided(grown)).about.columns


@pytest.mark.parametrize(
    ("change", "target", "why"),
    [
        (lambda rows: rows.drop(columns="churned"), "churn", "column `churned` is missing"),
        (lambda rows: rows.assign(churned=None), "churn", "no cut has a known outcome"),
        (lambda rows: rows[rows["cut_on"] > "2025-05-31"], "churn", "raise `churn_cuts`"),
        (lambda rows: rows.groupby("cut_on").head(20), "churn", "`train` has 60 people|`validation` has 20 people"),
        (lambda rows: rows.assign(churned=rows["churned"] * 0), "churn", r"0 are `churned` and \d+ are not"),
        (lambda rows: rows.assign(churned=rows["churned"] * 0 + 1), "churn", r"\d+ are `churned` and 0 are not"),
        (lambda rows: rows.assign(spend_next_3_months=rows["spend_next_3_months"] * 0), "value", "nobody of the part"),
        (lambda rows: rows[["person_id", "cut_on", "currency", "churned"]], "churn", "no column differs"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(rows, change, target, why):
    with pytest.raises(InputError, match=why):
        divided(change(rows), target)


def test_few_people_are_enough_if_the_limits_say_so(rows):
    few = rows.groupby("cut_on").head(60)
    assert len(divided(few, people=30, of_a_class=3).parts[HOLDOUT]) == 60


# ---- files


def unloaded(rows):
    """The rows as Athena unloads them: exact numbers, dates and truth values."""
    kinds = {
        "cut_on": pa.array([date.fromisoformat(cut) for cut in rows["cut_on"]], pa.date32()),
        "churned": pa.array([None if pd.isna(one) else bool(one) for one in rows["churned"]], pa.bool_()),
        "orders": pa.array([int(one) for one in rows["orders"]], pa.int64()),
        "spend": pa.array([Decimal(f"{one:.2f}") for one in rows["spend"]], pa.decimal128(38, 2)),
    }
    columns = {name: kinds.get(name, pa.array(rows[name].tolist())) for name in rows.columns}
    return pa.table(columns)


def test_what_athena_unloads_is_read_whatever_the_order_of_its_files(rows, tmp_path):
    table = unloaded(rows)
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    (many / "part").mkdir(parents=True)
    pq.write_table(table, one / "20251220_a.parquet")
    half = len(rows) // 2
    pq.write_table(table.slice(half), many / "20251220_a")
    pq.write_table(table.slice(0, half), many / "part" / "20251220_b.gz.parquet")
    (many / "_SUCCESS").write_text("")
    (many / "split.json").write_text("{}")

    read = files.read(one)
    pd.testing.assert_frame_equal(read, files.read(many))
    assert list(read["cut_on"].unique()) == sorted(rows["cut_on"].unique())
    assert read["spend"].sum() == pytest.approx(rows["spend"].round(2).sum())
    assert read["churned"].isna().sum() == rows["churned"].isna().sum()
    assert divided(read).as_dict() == divided(rows).as_dict()


def test_wrong_files_say_what_is_wrong(rows, tmp_path):
    with pytest.raises(InputError, match="there is no Parquet file"):
        files.read(tmp_path)
    path = tmp_path / "rows.parquet"
    for change, why in (
        (lambda frame: frame.drop(columns="cut_on"), "column `cut_on` is missing"),
        (lambda frame: frame.head(0), "there are no rows"),
        (lambda frame: pd.concat([frame, frame.head(2)]), "2 rows of a person and cut come twice"),
        (lambda frame: frame.assign(person_id=None), "have no `person_id`"),
    ):
        change(rows).to_parquet(path)
        with pytest.raises(InputError, match=why):
            files.read(tmp_path)
    path.write_text("no Parquet")
    with pytest.raises(InputError, match="must be Parquet"):
        files.read(tmp_path)


def test_the_script_writes_a_folder_for_each_part(rows, tmp_path, caplog):
    given, output = tmp_path / "in", tmp_path / "out"
    files.write(rows, given / "rows.parquet")
    arguments = ["--target", "churn", "--features", str(given), "--output", str(output), "--least_people", "50"]
    assert prepare.main(arguments) == 0
    described = json.loads((output / "train" / "split.json").read_text())
    assert described == divided(rows, people=50, of_a_class=10).as_dict()
    assert {name: len(files.read(output / name)) for name in described["people"]} == described["people"]
    lines = [json.loads(line) for line in (output / "newest" / "rows.jsonl").read_text().splitlines()]
    assert len(lines) == described["people"]["newest"]
    assert list(lines[0]) == ["person_id", "cut_on", "currency", *described["columns"]]

    assert prepare.main([*arguments, "--least-people", "9999"]) == 1
    assert caplog.messages[-1].startswith("error: features: the part `train` has ")


def test_a_failing_job_leaves_its_reason_where_sagemaker_looks(tmp_path):
    def fail(_):
        raise InputError("features: nothing there")

    assert script.run(fail, None, shown_in=tmp_path) == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("failure", "message"), "error: features: nothing there"
    )
    assert script.run(fail, None, shown_in=tmp_path / "absent") == 1


def test_a_scale_is_what_is_typical_in_a_currency(rows):
    scales = features.scales(rows)
    assert scales["JPY"] / scales["EUR"] == pytest.approx(150, rel=0.5)
    told = features.matrix(rows, ["spend"], scales)[:, 0]
    yen = (rows["currency"] == "JPY").to_numpy()
    assert np.median(told[yen]) == pytest.approx(np.median(told[~yen]), rel=0.3)
    stranger = rows.head(1).assign(currency="XAF")
    assert features.scale_of(stranger, scales) == [scales["*"]]


def test_sums_are_by_the_month_so_that_a_longer_acquaintance_is_no_better_customer():
    """Two who order alike, of whom one has been known for longer."""
    lately = {
        "tenure_days": 61.0,
        "orders": 4.0,
        "orders_3_months": 4.0,
        "spend_12_months": 80.0,
        "csat_12_months": 4.0,
    }
    long_ago = {**lately, "tenure_days": 730.5, "orders": 48.0, "orders_3_months": 6.0, "spend_12_months": 480.0}
    frame = pd.DataFrame([lately, long_ago, {**lately, "tenure_days": 2.0}])
    told = features.matrix(frame, list(lately), {"*": 10.0})
    assert told[0] == pytest.approx([61.0, 2.0, 2.0, 4.0, 4.0], rel=0.01)
    assert told[1] == pytest.approx([730.5, 2.0, 2.0, 4.0, 4.0], rel=0.01)
    assert told[2] == pytest.approx([2.0, 4.0, 4.0, 8.0, 4.0]), "nobody is known for less than a month"


def test_every_sum_of_the_mart_is_known_as_one():
    """A column of the mart is a sum over a time, a mean, or a number of days."""
    mart = yaml.safe_load((ROOT / "sql" / "models" / "marts" / "numbers.yml").read_text(encoding="utf-8"))
    [model] = [one for one in mart["models"] if one["name"] == "churn_features"]
    names = [column["name"] for column in model["columns"]]
    assert set(names) > LABELS_OF_CHURN
    told = [name for name in names if name not in {*KEYS, *LABELS_OF_CHURN}]
    assert [name for name in told if not name.startswith(SUMS)] == ["tenure_days", "recency_days", "csat_12_months"]
