"""An e-mail template of a stack is where the emulator's SES looks for it, as long as it is deployed."""

from pathlib import Path
from typing import Any

import pytest
from ministack.services import ses

from twin.emulator.provider import Twin
from twin.emulator.stand_ins import StandInTypes
from twin.providers.ses.provider import SesProvider
from twin.settings import TwinSettings

TYPE = "AWS::SES::Template"


def template(name: str, subject: str) -> dict[str, Any]:
    return {"Template": {"TemplateName": name, "SubjectPart": subject, "TextPart": "Hello"}}


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The life cycle of a template, followed by the provider as the launcher lets it."""
    monkeypatch.setattr(ses, "_templates", {})
    twin = Twin(TwinSettings(home=tmp_path, port=1), [SesProvider])
    provider = twin.provider(SesProvider)
    assert [kind.name for kind in provider.types] == [TYPE]
    twin.registry.listen(TYPE, deployed=provider.deployed, removed=provider.removed)
    types = StandInTypes({}, registry=twin.registry, account="1", region="us-east-1")
    found: dict[str, Any] = types[TYPE]
    return found


def test_a_template_comes_changes_and_goes_with_its_stack(handlers: dict[str, Any]) -> None:
    physical_id, _ = handlers["create"]("Welcome", template("welcome", "Hi"), "stack")
    assert ses._templates["welcome"] == {
        "TemplateName": "welcome",
        "SubjectPart": "Hi",
        "TextPart": "Hello",
        "HtmlPart": "",
    }

    changed = template("welcome", "Good day")
    handlers["update"](physical_id, template("welcome", "Hi"), changed, "stack", "Welcome")
    assert ses._templates["welcome"]["SubjectPart"] == "Good day"

    handlers["delete"](physical_id, changed)
    assert ses._templates == {}
