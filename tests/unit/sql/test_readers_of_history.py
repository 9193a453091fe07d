"""History is read once: whoever else reads the interactions says which days, or is a view that no build reads."""

import re
from pathlib import Path

import yaml

SQL = Path(__file__).resolve().parents[3] / "sql"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in SQL.rglob("*.sql") if path.parent.name != "macros"}
VIEWS = {"stg_interactions", "stg_reviews"}
# A literal on a time of the interactions, by which Athena leaves files out.
BOUND = re.compile(r"received_at >= {{ (reread_from\(|since }})|{{ within_days\(")


def test_only_what_is_bounded_reads_the_interactions() -> None:
    readers = {name for name, text in TEXTS.items() if "source('raw', 'interactions')" in text}
    bounded = {
        "interactions_by_key_day",
        "events_by_key_day",
        "customer_events",
        "decision_events",
        "message_events",
        "product_events",
        "review_events",
        "spend_reconciles_with_interactions",
    }
    assert readers == VIEWS | bounded
    assert [name for name in sorted(bounded) if not BOUND.search(TEXTS[name])] == []


def test_no_build_reads_the_views_of_all_interactions() -> None:
    reads = [re.compile(rf"ref\('{view}'\)") for view in VIEWS]
    assert [name for name, text in TEXTS.items() if any(read.search(text) for read in reads)] == []
    staging = yaml.safe_load((SQL / "models" / "staging" / "staging.yml").read_text(encoding="utf-8"))
    views = [model for model in staging["models"] if model["name"] in VIEWS]
    assert len(views) == len(VIEWS)
    parts = [part for view in views for part in (view, *view.get("columns", []))]
    assert [key for part in parts for key in part if key.endswith("tests")] == []


def test_a_mart_counts_only_who_is_known() -> None:
    marts = {path.stem: path.read_text(encoding="utf-8") for path in (SQL / "models" / "marts").glob("*.sql")}
    counted = {name: text for name, text in marts.items() if "ref('interactions_by_key_day')" in text}

    assert counted
    known = re.compile(
        r"from {{ ref\('interactions_by_key_day'\) }} as d\s+"
        r"inner join {{ source\('curated', 'identifier_map'\) }} as m on d.customer_key = m.identifier_key"
    )
    uses = {name: text.count("ref('interactions_by_key_day')") for name, text in counted.items()}
    assert {name: len(known.findall(text)) for name, text in counted.items()} == uses
