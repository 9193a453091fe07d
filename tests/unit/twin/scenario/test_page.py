"""The page shows what the demonstration found, and opens without a network."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from twin.scenario import page
from twin.scenario.result import Analysis, Check, DecisionLine, DemoResult, Floor, PersonaAnswer, SentMessage, Stage


@pytest.fixture
def result() -> DemoResult:
    return DemoResult(
        scale="tiny",
        seed=360,
        stages=(Stage(pillar="collection", name="events sent", count=3000),),
        checks=(Check(name="clean + rejected + duplicates", expected=3000, actual=3000),),
        floors=(Floor(name="matching precision", floor=0.97, actual=0.991),),
        analysis=Analysis(
            segments=(("big_spenders", 12), ("city_families", 7)),
            spend=(("2026-09", "big_spenders", Decimal("120.50")), ("2026-10", "big_spenders", Decimal("99.00"))),
            rfm=((1, 1, 4), (5, 5, 9)),
        ),
        customer={"person_id": "p_01", "attributes": {"first_name": "<Ada>"}},
        timeline=(("2026-10-01T10:00:00Z", "order_placed", "12.34 USD"),),
        decisions=(
            DecisionLine(
                customer="p_01", trigger="first_purchase", action="send", reasons=("consented",), decided_at="now"
            ),
        ),
        messages=(SentMessage(recipient="a***@example.com", subject="Welcome", body="Hello"),),
        persona=(PersonaAnswer(query="select email", allowed=False, answer="refused: email"),),
        latency=(0.5, 0.7, 2.0),
        times=(("Deploy", 6.2), ("Demo", 31.0)),
        matching={"pairwise precision": 0.991},
    )


def test_the_page_holds_everything_in_one_file_without_a_network(result: DemoResult, tmp_path: Path) -> None:
    text = page.write(result, tmp_path / "index.html").read_text(encoding="utf-8")

    assert len(re.findall(r"<svg [^>]*aria-label=", text)) == 4
    assert not re.findall(r"""(?:src|href)=["']https?:""", text)
    assert "<script" not in text
    assert "Every check holds." in text
    assert "0.9910" in text


def test_names_of_customers_are_escaped(result: DemoResult, tmp_path: Path) -> None:
    text = page.write(result, tmp_path / "index.html").read_text(encoding="utf-8")

    assert "<Ada>" not in text
    assert "&lt;Ada&gt;" in text


def test_a_failed_check_is_shown_at_the_top(result: DemoResult, tmp_path: Path) -> None:
    wrong = replace(result, checks=(Check(name="orders", expected=2, actual=1),))

    text = page.write(wrong, tmp_path / "index.html").read_text(encoding="utf-8")

    assert "At least one check does not hold." in text
    assert not wrong.passed


def test_quantiles_are_of_the_probes(result: DemoResult) -> None:
    assert result.latency_quantile(0.5) == 0.7
    assert result.latency_quantile(0.95) == 2.0
