"""An e-mail template of a stack is where the emulator's SES looks for it, as long as it is deployed."""

import json
from pathlib import Path
from typing import Any

import pytest
from ministack.services import ses

from c360_core.handlebars import HandlebarsError, MissingValueError
from twin.emulator.provider import Twin
from twin.emulator.stand_ins import StandInTypes
from twin.providers.ses.provider import SesProvider, rendered
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


def test_a_template_that_ses_would_not_render_does_not_deploy(handlers: dict[str, Any]) -> None:
    with pytest.raises(HandlebarsError, match=r"welcome: SubjectPart: \{\{#if\}\} does not end"):
        handlers["create"]("Welcome", template("welcome", "{{#if name}}Hi"), "stack")


def test_a_mail_has_blocks_rendered_and_nothing_escaped() -> None:
    templates = {
        "welcome": {"SubjectPart": "{{#if name}}Hi {{name}}{{else}}Hi{{/if}}", "TextPart": "{{#each a}}{{this}}"}
    }
    templates["welcome"]["TextPart"] += "{{/each}}"

    def sent(**values: Any) -> dict[str, str]:
        stated = {"TemplateName": "welcome", "TemplateData": json.dumps(values)}
        return rendered({"Content": {"Template": stated}}, templates)

    assert sent(name="<b>", a=[1, 2]) == {"Subject": "Hi <b>", "BodyText": "12", "BodyHtml": ""}
    assert sent(name="")["Subject"] == "Hi"
    templates["welcome"]["HtmlPart"] = "{{name}}"
    with pytest.raises(MissingValueError, match="Attribute 'name' is not present"):
        sent()
