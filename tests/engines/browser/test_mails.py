"""Our mails in a real browser: people can read them on a phone and on a desktop, in the light and in the dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from c360_core.decision import Template
from tools.contracts.templates import Compiled, load_templates
from tools.operate.preview import DESKTOP, PHONE, page, shown

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine: apt-get install chromium")
COMPILED = load_templates()
SMALLEST = 14  # pixels
CONTRAST = 4.5  # what WCAG asks for at this size
MAILS = [(template, language) for template in Template for language in COMPILED.index.languages]
# Each visible text with its size and its contrast to what is behind it, as WCAG computes it.
TEXTS = """() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const box = node.parentElement.getBoundingClientRect();
    if (!node.textContent.trim() || !box.width || !box.height) continue;
    const style = getComputedStyle(node.parentElement);
    const [a, b] = [light(style.color), light(behind(node.parentElement))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push({text: node.textContent.trim(), size: parseFloat(style.fontSize), contrast});
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def opened(browser: Browser, html: str, *, width: int, **options: Any) -> Page:
    """Return a page without a network that shows some HTML."""
    made = browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options).new_page()
    made.set_content(html)
    return made


def mail(compiled: Compiled, template: Template, language: str) -> str:
    return shown(compiled, template, language, compiled.index.messages[template].samples).html


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize(("template", "language"), MAILS)
def test_everybody_can_read_a_mail(
    browser: Browser, template: Template, language: str, width: int, scheme: str
) -> None:
    seen = opened(browser, mail(COMPILED, template, language), width=width, color_scheme=scheme)

    assert seen.evaluate("document.documentElement.scrollWidth") <= width
    texts = seen.evaluate(TEXTS)
    assert len(texts) > 5
    assert [one for one in texts if one["size"] < SMALLEST] == []
    assert [one for one in texts if one["contrast"] < CONTRAST] == []
    links = seen.locator("a")
    assert links.count() == 2
    for number in range(links.count()):
        link = links.nth(number)
        assert link.is_visible()
        styles = link.evaluate("one => [getComputedStyle(one).textDecorationLine, one.closest('.button') !== null]")
        assert styles[1] or styles[0] == "underline", "a link looks like text"
    seen.context.close()


def test_in_the_dark_the_page_is_dark(browser: Browser) -> None:
    html = mail(COMPILED, Template.WELCOME, "en")
    colours = []
    for scheme in ("light", "dark"):
        seen = opened(browser, html, width=PHONE, color_scheme=scheme)
        colours.append(seen.evaluate("getComputedStyle(document.body).backgroundColor"))
        seen.context.close()

    assert colours == ["rgb(255, 255, 255)", "rgb(21, 24, 27)"]


def test_the_preview_shows_phone_desktop_and_text_and_asks_the_network_for_nothing(
    browser: Browser, tmp_path: Path
) -> None:
    samples = COMPILED.index.messages[Template.WELCOME].samples
    file = tmp_path / "welcome.html"
    file.write_text(page(Template.WELCOME, shown(COMPILED, Template.WELCOME, "en", samples)), encoding="utf-8")
    seen = browser.new_context(offline=True, viewport={"width": DESKTOP, "height": 900}).new_page()
    asked: list[str] = []
    seen.on("request", lambda request: asked.append(request.url))
    seen.goto(file.as_uri())

    assert [url for url in asked if not url.startswith("about:")] == [file.as_uri()]
    widths = [
        seen.frame_locator(f"iframe[title={name}]").locator("body").evaluate("() => window.innerWidth")
        for name in ("phone", "desktop")
    ]
    assert widths == [PHONE, DESKTOP]
    assert seen.frame_locator("iframe[title=phone]").get_by_text("Welcome, Nora!").is_visible()
    assert "Visit the shop:\nhttps://example.com/shop" in seen.locator("pre").inner_text()
    assert seen.evaluate("document.documentElement.scrollWidth") <= DESKTOP
    seen.context.close()
