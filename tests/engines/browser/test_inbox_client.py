"""The script that shows messages in a page, in a real browser: people see, follow and close them, and nothing else."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from lambdas.inbox.handler import CLIENT

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine: apt-get install chromium")
SHOP = "https://shop.example.com"
BOX = ".c360-inbox"
START = """async () => {
  window.asked = window.asked ?? 0;
  window.inbox = c360Inbox.start({url: location.origin, token: async () => "t" + (asked += 1)});
  await inbox.done;
}"""


def message(message_id: str = "m_1", **other: str) -> dict[str, str]:
    return {
        "message_id": message_id,
        "title": f"Title of {message_id}",
        "text": "Hello Ada",
        "url": f"{SHOP}/offers",
        "put_at": "2026-03-02T17:00:00.000Z",
        "expires_at": "2126-03-02T17:00:00.000Z",
        **other,
    }


@dataclass
class Shop:
    """The pages of a shop, and the inbox behind it."""

    page: Page
    messages: list[dict[str, str]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    status: int = 200
    refuse: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        path = urlparse(route.request.url).path
        if not path.startswith("/v1/inbox"):
            html = "<!doctype html><html lang=en><title>Shop</title><body><button id=other>Other</button></body></html>"
            route.fulfill(content_type="text/html", body=html)
            return
        token = route.request.headers["authorization"].removeprefix("Bearer ")
        self.tokens.append(token)
        if token in self.refuse or self.status != 200:
            route.fulfill(status=401 if token in self.refuse else self.status, body="{}")
        elif route.request.method == "POST":
            self.receipts.append(path.removeprefix("/v1/inbox/messages/"))
            route.fulfill(content_type="application/json", body="{}")
        else:
            route.fulfill(content_type="application/json", body=json.dumps({"messages": self.messages}))

    def open(self, path: str = "/") -> None:
        """Open a page of the shop and start the script in it."""
        self.page.goto(f"{SHOP}{path}")
        self.page.add_script_tag(content=CLIENT.read_text(encoding="utf-8"))
        self.page.evaluate(START)

    def told(self, *receipts: str) -> None:
        """Wait until the inbox knows of these receipts, and see that it knows of no other."""
        for _ in range(200):
            if len(self.receipts) >= len(receipts):
                break
            self.page.wait_for_timeout(10)
        assert self.receipts == list(receipts)

    def unsent(self) -> list[str]:
        found: list[str] = self.page.evaluate("JSON.parse(localStorage.getItem('c360-inbox')).unsent")
        return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def shop(browser: Browser) -> Iterator[Shop]:
    context = browser.new_context()
    one = Shop(context.new_page())
    one.page.on("pageerror", lambda error: one.errors.append(str(error)))
    one.page.route("**/*", one.answer)
    yield one
    context.close()
    assert one.errors == []


def test_a_message_is_shown_said_aloud_and_followed(shop: Shop) -> None:
    shop.messages = [message()]
    shop.open()

    box = shop.page.get_by_role("status")
    assert box.locator("strong").text_content() == "Title of m_1"
    assert box.locator("p").text_content() == "Hello Ada"
    shop.told("m_1/shown")
    box.get_by_role("link").click()
    shop.page.wait_for_url(f"{SHOP}/offers")

    shop.open("/offers")
    shop.told("m_1/shown", "m_1/clicked")
    assert shop.page.locator(BOX).count() == 0


def test_closed_messages_do_not_come_back_and_the_next_one_comes(shop: Shop) -> None:
    shop.messages = [message("m_2"), message("m_1")]
    shop.open()
    shop.page.get_by_role("button", name="Dismiss").click()
    assert shop.page.locator(f"{BOX} strong").all_text_contents() == ["Title of m_1"]
    shop.page.locator("#other").focus()
    shop.page.keyboard.press("Escape")
    assert shop.page.locator(BOX).count() == 0
    shop.told("m_2/shown", "m_2/dismissed", "m_1/shown", "m_1/dismissed")

    # The inbox answers them once more, as it does until it has taken the receipts.
    shop.open()
    assert shop.page.locator(BOX).count() == 0
    assert len(shop.receipts) == 4


def test_the_keyboard_reaches_the_button_and_the_page_keeps_its_focus(shop: Shop) -> None:
    shop.messages = [message()]
    shop.page.goto(SHOP)
    shop.page.locator("#other").focus()
    shop.page.add_script_tag(content=CLIENT.read_text(encoding="utf-8"))
    shop.page.evaluate(START)

    assert shop.page.evaluate("document.activeElement.id") == "other"
    for _ in range(2):  # the link, and the button
        shop.page.keyboard.press("Tab")
    shop.page.keyboard.press("Enter")
    shop.told("m_1/shown", "m_1/dismissed")


def test_what_a_message_says_is_never_html_and_leads_to_nothing_but_the_web(shop: Shop) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    shop.messages = [message(title=evil, text=evil, url="javascript:document.title='taken'")]
    shop.open()

    assert shop.page.locator(f"{BOX} strong").text_content() == evil
    assert shop.page.locator(f"{BOX} img, {BOX} script, {BOX} a").count() == 0
    assert shop.page.title() == "Shop"


def test_offline_nothing_fails_and_what_was_done_is_told_later(shop: Shop) -> None:
    shop.messages = [message()]
    shop.open()
    shop.told("m_1/shown")
    shop.page.unroute("**/*")
    shop.page.context.set_offline(True)
    shop.page.get_by_role("button", name="Dismiss").click()
    shop.page.evaluate(START)
    assert shop.unsent() == ["m_1/dismissed"]
    assert shop.page.locator(BOX).count() == 0

    shop.page.context.set_offline(False)
    shop.page.route("**/*", shop.answer)
    shop.open()
    shop.told("m_1/shown", "m_1/dismissed")
    assert shop.unsent() == []


def test_a_server_in_trouble_is_told_later(shop: Shop) -> None:
    shop.messages = [message()]
    shop.open()
    shop.told("m_1/shown")
    shop.status = 503
    shop.page.get_by_role("button", name="Dismiss").click()
    shop.page.evaluate(START)
    assert shop.unsent() == ["m_1/dismissed"]

    shop.status = 200
    shop.open()
    shop.told("m_1/shown", "m_1/dismissed")


def test_an_old_token_is_replaced_once(shop: Shop) -> None:
    shop.messages, shop.refuse = [message()], {"t1"}
    shop.open()
    shop.told("m_1/shown")
    assert shop.tokens == ["t1", "t2", "t2"]

    shop.tokens.clear()
    shop.refuse = {f"t{number}" for number in range(20)}
    shop.open()
    assert shop.tokens == ["t1", "t2"]


def test_a_message_that_was_shown_is_told_once_and_shown_until_it_is_closed(shop: Shop) -> None:
    shop.messages = [message()]
    for _ in range(3):
        shop.open()
        assert shop.page.locator(BOX).count() == 1
    shop.told("m_1/shown")
    shop.page.evaluate("inbox.stop()")
    assert shop.page.locator(BOX).count() == 0


def test_a_browser_that_keeps_nothing_shows_messages_all_the_same(shop: Shop) -> None:
    shop.page.add_init_script("Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new Error(); }")
    shop.messages = [message()]
    shop.open()
    shop.told("m_1/shown")
    shop.page.get_by_role("button", name="Dismiss").click()
    shop.told("m_1/shown", "m_1/dismissed")
    shop.page.evaluate(START)
    assert shop.page.locator(BOX).count() == 0
