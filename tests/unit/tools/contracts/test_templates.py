"""The messages of the repository are right, and each fault is named with file, place and fix."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from c360_core.decision import Template
from c360_core.handlebars import parse, render
from c360_core.message_templates import from_document
from c360_core.message_values import PROFILE_VALUES, mail_data, profile_values
from tests.factories.profiles import profile
from tools.contracts.templates import MOST_HTML, SOURCE, Compiled, TemplateProblemsError, load_templates, main

LINKS = {"shop_url": "https://shop.example.com/?a=1&b=2", "unsubscribe_url": "https://links.example.com/u"}
MAIL = "en/welcome.mjml"


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return load_templates()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of all templates, to be changed."""
    shutil.copytree(SOURCE, tmp_path / "templates")
    return tmp_path / "templates"


def test_the_messages_of_the_repository_are_right_in_every_language(compiled: Compiled) -> None:
    assert set(compiled.mails) == set(Template)
    for languages in compiled.mails.values():
        assert list(languages) == compiled.index.languages == ["en", "de"]


def test_a_mail_says_the_same_as_html_and_as_text_and_keeps_its_links(compiled: Compiled) -> None:
    mail = compiled.mails[Template.WELCOME_FOLLOW_UP]["de"]
    data = mail_data({**profile_values(profile(loyalty_points=120)), **LINKS})
    html, text = render(parse(mail.html), data), render(parse(mail.text), data)

    assert render(parse(mail.subject), data) == "Sie haben 120 Punkte"
    assert '<html lang="de"' in html
    assert "Ein kurzer Gruß" in html
    assert 'href="https://shop.example.com/?a=1&amp;b=2"' in html
    assert '<a ses:no-track href="https://links.example.com/u">' in html
    assert "\n\nSie haben schon 120 Punkte. Sie zählen" in text
    assert "\n\nIm Shop stöbern:\nhttps://shop.example.com/?a=1&b=2\n\n" in text
    assert text.endswith("\nhttps://links.example.com/u")


def test_who_has_no_points_reads_of_none_and_finds_no_gap(compiled: Compiled) -> None:
    mail = compiled.mails[Template.WELCOME_FOLLOW_UP]["en"]
    text = render(parse(mail.text), mail_data({**profile_values(profile()), **LINKS}))

    assert "points" not in text
    assert "\n\n\n" not in text


def test_an_own_text_replaces_the_made_one(folder: Path) -> None:
    own = "Hello!\n{{#if first_name}}\nYou are {{first_name}}.\n{{/if}}\n{{unsubscribe_url}}\n"
    (folder / "en" / "welcome.txt").write_text(own)

    mail = load_templates(folder).mails[Template.WELCOME]["en"]

    assert mail.text == "Hello!\n{{#if first_name}}You are {{first_name}}.\n{{/if}}{{unsubscribe_url}}"


def test_a_value_that_a_message_needs_is_known_to_the_sender(folder: Path) -> None:
    _index(folder, lambda document: _points(document).update(needed=True))

    messages = from_document(load_templates(folder).document())

    assert messages.missing(Template.WELCOME_FOLLOW_UP, profile()) == ("loyalty_points",)
    assert messages.missing(Template.WELCOME_FOLLOW_UP, profile(loyalty_points=0)) == ("loyalty_points",)
    assert messages.missing(Template.WELCOME_FOLLOW_UP, profile(loyalty_points=1)) == ()


def _index(folder: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    path = folder / "templates.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def _points(document: dict) -> dict:  # type: ignore[type-arg]
    found: dict = document["messages"]["welcome_follow_up"]["variables"]["loyalty_points"]  # type: ignore[type-arg]
    return found


# What is replaced in the English welcome, with what, and what is then said.
FAULTS = {
    "script": ("Thank you for your first order. ", "<script>x</script>", "line 11", "<script> may not stand in <mj-te"),
    "unknown element": ("<mj-button", "<mj-carousel /><mj-button", "line 13", "<mj-carousel> may not stand in"),
    "raw": ("<mj-button", "<mj-raw>x</mj-raw><mj-button", "line 13", "<mj-raw> may not stand in <mj-column>"),
    "handler": ('css-class="button"', 'onclick="x()"', "line 13", "`onclick` is a script; remove it"),
    "scheme": ("{{shop_url}}", "javascript:x()", "line 13", "`href` leads to `javascript:x()`; write https://"),
    "three braces": ("See you soon", "{{{first_name}}}", "line 14", "three braces switch escaping off"),
    "partial": ("See you soon", "{{> footer}}", "line 14", "is a partial"),
    "helper": ("See you soon", "{{upper first_name}}", "line 14", "no name"),
    "unknown value": ("See you soon", "{{shoe_size}}", "line 14", "`shoe_size` is no variable of the message; use "),
    "unguarded": ("See you soon", "{{first_name}}", "line 14", "some people have no `first_name`; write {{#if"),
    "not closed": ("<br />", "<br>", "line 14", "not well-formed (mismatched tag); close every element"),
    "entity": ("See you", "See&nbsp;you", "line 14", "undefined entity"),
    "text between": ("<mj-button", "hello<mj-button", "line 9", "`hello` stands between elements of <mj-column>"),
    "no subject": ("Thank you for your first order</mj-title>", "</mj-title>", "mj-title", "is missing; write <mj-"),
    "empty subject": ("Thank you for your first order</mj-title>", "{{#if first_name}}a{{/if}}</mj-title>", "mj-title",
                      "the subject is empty for some people"),
    "no preview": ("It is on its way – and it is good to have you here.", "", "mj-preview", "is missing"),
    "no language": (' lang="en"', "", "line 1", 'lang="en"'),
    "outside": ("en/footer.mjml", "../segments.yaml", "line 17", "cannot be included; name another file below"),
    "no unsubscribe": ('<mj-include path="en/footer.mjml" />', "", "mj-body", "no link to unsubscribe in the HTML"),
    "value in style": ('css-class="button"', 'color="{{first_name}}"', "line 13", "`color` has a value of the person"),
    "image": ("<mj-button", '<mj-image src="https://x.example/a.png" /><mj-button', "line 13", "without words"),
    "too large": ("See you soon", "x" * MOST_HTML, "mj-body", "shorten it to 102400 bytes: Gmail cuts off the rest"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_mail_is_named(folder: Path, fault: str) -> None:
    old, new, place, said = FAULTS[fault]
    text = (folder / MAIL).read_text(encoding="utf-8")
    assert old in text
    (folder / MAIL).write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(TemplateProblemsError) as caught:
        load_templates(folder)

    found = [(one.file, one.field) for one in caught.value.problems if said in f"{one.message}; {one.fix}"]
    assert (MAIL, place) in found, str(caught.value)


def test_a_place_in_an_included_file_is_that_file(folder: Path) -> None:
    footer = folder / "en" / "footer.mjml"
    footer.write_text(footer.read_text().replace("Changed your mind?", "{{shoe_size}}"))

    with pytest.raises(TemplateProblemsError, match=r"en/footer.mjml: line 5: `shoe_size` is no variable"):
        load_templates(folder)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("en/welcome.sms.txt", "Hello", "en/welcome.sms.txt: the text: it does not say STOP"),
        ("en/welcome.sms.txt", "STOP " + "x" * 160, "the text: 165 characters; write 1 to 160"),
        ("en/welcome.sms.txt", "STOP – now", "– are not in the alphabet of text messages"),
        ("en/welcome.sms.txt", "STOP {{shop_url}}", "line 1: `shop_url` is no variable of the message"),
        ("en/letter.mjml", "<mjml />", "en/letter.mjml: the file: nothing uses it"),
        ("fr/welcome.mjml", "<mjml />", "fr/welcome.mjml: the file: nothing uses it"),
        ("en/welcome.txt", "{{#if first_name}}{{unsubscribe_url}}{{/if}}", "no link to unsubscribe in the plain text"),
        ("templates.yaml", "languages: [", "templates.yaml: the file: not readable"),
        ("templates.yaml", "languages: []\nmessages: {}", "templates.yaml: languages"),
    ],
)
def test_a_fault_of_another_file_is_named(folder: Path, file: str, text: str, said: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(text, encoding="utf-8")

    with pytest.raises(TemplateProblemsError) as caught:
        load_templates(folder)

    assert said in str(caught.value)


@pytest.mark.parametrize("file", ["de/welcome.mjml", "de/welcome.sms.txt"])
def test_a_language_that_a_message_lacks_is_named(folder: Path, file: str, caplog: pytest.LogCaptureFixture) -> None:
    (folder / file).unlink()

    assert main(["--check", "--source", str(folder)]) == 1
    assert f"{file}: the file: the message has no" in caplog.text


def test_variables_are_those_that_the_sender_gives_and_a_text_uses(folder: Path) -> None:
    _index(folder, lambda document: document["messages"]["welcome"]["variables"].update(shoe_size={"sample": "42"}))

    with pytest.raises(TemplateProblemsError) as caught:
        load_templates(folder)

    place = "templates.yaml: messages.welcome.variables.shoe_size"
    assert f"{place}: the sender does not give it; use {', '.join(PROFILE_VALUES)}" in str(caught.value)
    assert f"{place}: no text uses it" in str(caught.value)
