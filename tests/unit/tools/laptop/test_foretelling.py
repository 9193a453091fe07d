"""What `c360 truth` prints of the models, from the line that their benchmark writes."""

import json
from io import StringIO

import pytest
from rich.console import Console

from tools.laptop.foretelling import read, tables
from twin.processes.process import ProcessFailedError

CHURN = {
    "target": "churn",
    "window_months": 1,
    "data": "some baskets, simulated",
    "trained_on": 900,
    "held_out": "2017-12-01",
    "people": 300,
    "observed": 0.125,
    "unit": 1.0,
    "metrics": {
        name: {"value": 0.5, "low": 0.25, "high": 0.75, "standard_deviation": 0.1}
        for name in ("auc", "log_loss", "brier")
    },
    "peers": {"logistic_regression": {"auc": 0.375, "log_loss": 0.625, "brier": 0.0625}},
    "loss": {"skill": 0.1},
}
OFFER = {
    **CHURN,
    "target": "offer",
    "department": "PASTRY",
    "peers": dict.fromkeys(
        ("logistic_regression", "popularity", "bought_before"), CHURN["peers"]["logistic_regression"]
    ),
}
VALUE = {
    **CHURN,
    "target": "value",
    "window_months": 3,
    "observed": 20.5,
    "unit": 100.0,
    "metrics": dict.fromkeys(("mae", "total_error", "spearman", "top_decile"), CHURN["metrics"]["auc"]),
    "peers": {
        name: {"mae": 2.0, "total_error": -0.125, "spearman": 0.25, "top_decile": 0.375}
        for name in ("bg_nbd_gamma_gamma", "same_as_last_window")
    },
}


def test_the_last_line_of_figures_counts() -> None:
    line = json.dumps({"name": "models", "outcomes": [CHURN]})
    assert read(
        f"a warning\n{json.dumps({'name': 'models', 'outcomes': []})}\n{line}\na later warning\n", "models"
    ) == [CHURN]
    with pytest.raises(ProcessFailedError, match="without its figures"):
        read("a warning\n", "models")


def test_the_tables_show_the_model_its_peers_and_of_which_data_they_speak() -> None:
    written = StringIO()
    for table in tables([CHURN, VALUE, OFFER]):
        Console(file=written, width=140, color_system=None).print(table)
    shown = written.getvalue()

    assert "churn: orders nothing in the month after 2017-12-01 (12.5% of the people)" in shown
    assert "value: spend in the 3 months after 2017-12-01 (20.50 a person)" in shown
    assert shown.count("300 households, learned from 900 rows of earlier cuts; some baskets, simulated") == 3
    assert "offer: buy of PASTRY in the month after 2017-12-01 (12.5%)" in shown
    assert "who bought in the three months before" in shown
    assert shown.count("0.5000 (0.2500 to 0.7500)") == 9
    assert "50.00 (25.00 to 75.00)" in shown
    assert shown.count("200.00") == 2
    for line in ("logistic regression", "BG/NBD, gamma-gamma", "as in the three months before"):
        assert line in shown
    assert "0.0625" in shown
    assert "-0.1250" in shown
