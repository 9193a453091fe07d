"""Each figure is defined once: every mart says whose it is, what a row of it is, and what each column means."""

import re
from pathlib import Path
from typing import Any

import yaml

SQL = Path(__file__).resolve().parents[3] / "sql"
GRAINS = SQL / "tests" / "marts_keep_their_grain.sql"
PARTS = {"name", "data_type", "description", "data_tests", "granularity"}  # the last is of the days' column


def described(folder: str) -> dict[str, Any]:
    """Return what is said of the models of a folder, by their names."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((SQL / "models" / folder).glob("*.yml"))]
    return {model["name"]: model for text in texts for model in (yaml.safe_load(text) or {}).get("models", [])}


def built(folder: str) -> set[str]:
    """Return the models of a folder."""
    return {path.stem for path in (SQL / "models" / folder).glob("*.sql")}


def test_every_mart_says_whose_it_is_and_what_a_row_is() -> None:
    marts = described("marts")
    assert marts.keys() == built("marts")
    for name, mart in marts.items():
        meta = mart["config"]["meta"]
        assert meta["owner"], name
        columns = [column["name"] for column in mart["columns"]]
        assert meta["grain"], name
        assert set(meta["grain"]) <= set(columns), name


def test_every_model_that_is_stored_says_what_each_column_means() -> None:
    for folder in ("intermediate", "marts"):
        models = described(folder)
        assert models.keys() == built(folder)
        for name, model in models.items():
            assert len(model["description"].strip()) > 20, name
            for column in model["columns"]:
                assert column["description"].strip().endswith("."), f"{name}.{column['name']}"
                assert column.keys() <= PARTS, f"{name}.{column['name']}"


def test_the_grain_that_is_said_is_the_one_that_is_tested() -> None:
    tested = {
        name: [column.strip(" '") for column in columns.split(",")]
        for name, columns in re.findall(r"\(ref\('(\w+)'\), \[([^\]]*)\]\)", GRAINS.read_text(encoding="utf-8"))
    }
    assert tested == {name: mart["config"]["meta"]["grain"] for name, mart in described("marts").items()}


def test_contracts_are_enforced() -> None:
    project = yaml.safe_load((SQL / "dbt_project.yml").read_text(encoding="utf-8"))
    models = project["models"]["customer_360"]
    assert models["marts"]["+contract"] == models["intermediate"]["+contract"] == {"enforced": True}
