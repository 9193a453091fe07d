"""Expressions that are remembered say what they said when they were read anew."""

from pathlib import Path

import pytest
from ministack.services import dynamodb

from twin.patches import dynamodb_expressions
from twin.settings import TwinSettings

CONDITION = "begins_with(SK, :prefix) AND attribute_exists(orders)"
VALUES = {":prefix": {"S": "PROFILE"}}


@pytest.fixture(autouse=True)
def remembering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_tokenize", "_condition_syntax_error"):
        monkeypatch.setattr(dynamodb, name, getattr(dynamodb, name))
    dynamodb_expressions.install(TwinSettings(home=tmp_path, port=1))


@pytest.mark.parametrize("_again", range(2))
def test_each_item_gets_its_own_answer(_again: int) -> None:
    items = [{"SK": {"S": sort}, "orders": {"N": "1"}} for sort in ("PROFILE", "SEGMENT#loyal", "PROFILE")]

    assert [dynamodb._evaluate_condition(CONDITION, item, VALUES, {}) for item in items] == [True, False, True]


def test_a_change_to_a_read_document_affects_no_other_reader() -> None:
    dynamodb._tokenize(CONDITION).clear()

    assert dynamodb._evaluate_condition(CONDITION, {"SK": {"S": "PROFILE"}, "orders": {"N": "1"}}, VALUES, {})


@pytest.mark.parametrize("_again", range(2))
def test_an_invalid_event_is_refused_every_time(_again: int) -> None:
    with pytest.raises(ValueError, match="Syntax error"):
        dynamodb._evaluate_condition("SK = = :prefix", {}, VALUES, {})
