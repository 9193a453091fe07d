"""`c360 preview`: which pages it writes, with whose values, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryPeople
from tools.cli import APP
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import preview


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(preview, "FOLDER", tmp_path / "preview")
    return tmp_path / "preview"


def test_a_message_has_a_page_for_each_language(folder: Path) -> None:
    done = CliRunner().invoke(APP, ["preview", "welcome", "--json"])

    pages = [folder / f"welcome.{language}.html" for language in ("en", "de")]
    assert json.loads(done.stdout) == {"pages": [str(page) for page in pages], "not_sent_because": []}
    german = pages[1].read_text(encoding="utf-8")
    assert "<dd>Danke für Ihre erste Bestellung</dd>" in german
    assert "Willkommen, Nora!" in german
    assert 'sandbox=""' in german
    assert "<script" not in german


def test_a_page_of_a_person_has_their_values_and_language(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = profile(language="de-AT", first_name="<Jörg>", loyalty_points=7)
    view = MemoryPeople(profiles={PERSON: person})
    monkeypatch.setattr(preview, "deployed_view", lambda _environment: view)

    [written] = preview.run(Steps(machine=True), "welcome_follow_up", person=PERSON)

    assert written == folder / "welcome_follow_up.de.html"
    shown = written.read_text(encoding="utf-8")
    assert "<dd>Sie haben 7 Punkte</dd>" in shown
    # Escaped in the mail, and once more where the mail stands in the page.
    assert "Guten Tag, &amp;lt;Jörg&amp;gt;!" in shown
    assert "<Jörg>" not in shown


@pytest.mark.parametrize(
    ("message", "chosen", "said"),
    [
        ("letter", {}, "there is no message `letter`: say one of welcome, "),
        ("welcome", {"language": "fr"}, "there is no message in `fr`: say one of en, de"),
        ("welcome", {"person": "p_nobody"}, "there is no person `p_nobody`"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_named(
    message: str, chosen: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "deployed_view", lambda _environment: MemoryPeople(profiles={}))

    with pytest.raises(WrongUsageError, match=said):
        preview.run(Steps(machine=True), message, **chosen)  # type: ignore[arg-type]
