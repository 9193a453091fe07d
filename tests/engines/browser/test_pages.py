"""The dashboards' pages in a real browser: they draw without an error, and people can use them."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ops.report.page import page as page_of
from tests.factories.dashboards import ODD_WEEK, SEGMENTS, WEEKS, answered, deployed, write_pages

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine: apt-get install chromium")
NAMES = ("executive", "management", "detail")
MARKS = ".mark-line path, .mark-rect path, .mark-symbol path"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return dict(write_pages(tmp_path_factory.mktemp("pages")))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Reader:
    """Somebody who looks at a page, and what the page did wrong."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.page: Page = browser.new_context(offline=True, **options).new_page()
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: Path, choice: str = "") -> Page:
        self.page.goto(f"{path.as_uri()}{choice}")
        self.drawn(1)
        return self.page

    def drawn(self, times: int) -> None:
        self.page.wait_for_selector(f"body[data-drawn='{times}']", state="attached")


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    one = Reader(browser, viewport={"width": 1280, "height": 900})
    yield one
    one.page.context.close()
    assert one.errors == []


@pytest.mark.parametrize("name", NAMES)
def test_every_visual_shows_its_numbers_and_nothing_asks_the_network(reader: Reader, pages, name: str) -> None:
    page = reader.open(pages[name])
    dashboard = deployed()[f"c360-dev-{name}"]

    assert reader.asked == [pages[name].as_uri()]
    for visual in dashboard.visuals:
        figure = page.locator(f"#{visual.id}")
        assert figure.locator("h2").text_content() == visual.title
        if visual.kind == "KPIVisual":
            assert figure.locator(".value").get_attribute("data-value") == _first(dashboard, visual.id)
        elif visual.kind == "InsightVisual":
            assert figure.locator(".words li").count() == 3
        elif visual.kind == "TableVisual":
            assert figure.locator("tbody tr").count() > 0
        else:
            assert figure.locator(MARKS).count() >= len(SEGMENTS)
            assert figure.locator("svg[role=img]").get_attribute("aria-label")


def _first(dashboard, visual_id: str) -> str:
    """Return the number that a reader sees first."""
    rows = answered(dashboard).rows[visual_id]
    [row] = [one for one in rows if one.get("choice_currency", "USD") == "USD"]
    return str(row[next(key for key in row if key.startswith("metric_"))])


def test_the_numbers_beside_a_chart_are_those_of_the_answers(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"])
    page.locator("#bar-segment-size-by-segment summary").click()

    cells = page.locator("#bar-segment-size-by-segment td.number")
    shown = [cells.nth(place).get_attribute("data-value") for place in range(cells.count())]
    rows = answered(deployed()["c360-dev-executive"]).rows["bar-segment-size-by-segment"]
    assert shown == [row["metric_segment_size"] for row in rows]


def test_several_numbers_stand_side_by_side_and_sheets_below_one_another(reader: Reader, pages) -> None:
    page = reader.open(pages["management"])
    assert page.locator("#bars-funnel-by-month .mark-rect path").count() == 4 * 4
    sheets = page.locator("h2.sheet").all_text_contents()
    assert sheets == ["Trade and segments", "Campaigns", "Funnel and retention", "Service", "Consent and quality"]


def test_months_since_stand_in_their_order_and_shares_are_shares(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"])
    cohorts = page.locator("#heat-cohort-retention")
    labels = cohorts.locator(".role-axis-label").nth(0).locator("text").all_text_contents()
    assert labels == ["1", "2", "3", "4", "5"]
    assert all(text.endswith("%") for text in cohorts.locator(".mark-text text").all_text_contents() if "." in text)


def test_a_choice_changes_the_numbers_and_stands_in_the_address(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"])
    before = page.locator("#kpi-revenue .value").get_attribute("data-value")
    page.fill("#choose-Currency", "EUR")
    page.press("#choose-Currency", "Tab")
    reader.drawn(2)

    assert page.url.endswith("#p.Currency=EUR")
    assert page.locator("#status").text_content() == "Currency: EUR"
    assert float(page.locator("#kpi-revenue .value").get_attribute("data-value") or 0) < float(before or 0)


def test_a_choice_without_data_says_so_and_draws_nothing(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"], "#p.Currency=JPY")
    reason = "No data for Currency JPY; there is some for EUR, USD."
    assert page.locator("#kpi-revenue .value").text_content() == "no data"
    for visual in ("kpi-revenue", "line-revenue-by-week", "insight-revenue-by-week", "heat-cohort-retention"):
        assert page.locator(f"#{visual} .empty").text_content() == reason
    assert page.locator("#line-revenue-by-week svg").count() == 0
    assert page.locator("#line-revenue-by-week .said").text_content() == ""


def test_a_metric_over_no_data_says_why_and_draws_nothing(reader: Reader, tmp_path: Path) -> None:
    """Marts without a row, a quotient of nothing, and numbers that are all missing, in each kind of visual."""
    dashboard = deployed()["c360-dev-executive"]
    told = answered(dashboard)
    rows = dict(told.rows)
    for empty in ("kpi-customers", "bar-segment-size-by-segment", "line-orders-by-month"):
        rows[empty] = []
    for missing in ("kpi-retention", "kpi-satisfaction", "line-net-promoter-score-by-month", "heat-cohort-retention"):
        rows[missing] = [{**row, **{key: None for key in row if key.startswith("metric_")}} for row in rows[missing]]
    path = tmp_path / "executive.html"
    path.write_text(
        page_of(replace(told, rows=rows), {one: f"{one.removeprefix('c360-dev-')}.html" for one in deployed()}),
        encoding="utf-8",
    )
    page = reader.open(path)
    said = {
        "kpi-customers": "No data: there is no row of customers.",
        "bar-segment-size-by-segment": "No data: there is no row of segment members.",
        "line-orders-by-month": "No data: there is no row of trading.",
        "kpi-retention": "No data: there is nothing to divide by.",
        "kpi-satisfaction": "No data: no row has a number.",
        "line-net-promoter-score-by-month": "No data: there is nothing to divide by.",
        "heat-cohort-retention": "No data: there is nothing to divide by.",
    }
    for visual, reason in said.items():
        assert page.locator(f"#{visual} .empty").text_content() == reason
        assert page.locator(f"#{visual} svg").count() == 0
        if visual.startswith("kpi"):
            assert page.locator(f"#{visual} .value").text_content() == "no data"


def test_a_cell_without_a_number_is_no_mark(reader: Reader, tmp_path: Path) -> None:
    """It would be drawn as a share of 0."""
    dashboard = deployed()["c360-dev-executive"]
    told = answered(dashboard)
    cells = [dict(row) for row in told.rows["heat-cohort-retention"] if row["choice_currency"] == "USD"]
    cells[0]["metric_cohort_retention"] = cells[1]["metric_cohort_retention"] = None
    path = tmp_path / "executive.html"
    rows = {**told.rows, "heat-cohort-retention": cells}
    path.write_text(
        page_of(replace(told, rows=rows), {one: f"{one.removeprefix('c360-dev-')}.html" for one in deployed()}),
        encoding="utf-8",
    )
    page = reader.open(path)
    assert page.locator("#heat-cohort-retention .mark-text.role-mark text").count() == len(cells) - 2


def test_a_click_on_a_bar_leads_to_the_segment_and_on_to_a_customer(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"])
    page.locator("#bar-segment-size-by-segment .mark-rect path").first.click()
    page.wait_for_url("**/management.html#p.Segment=*")
    reader.drawn(1)
    segment = page.locator("#choose-Segment").input_value()
    assert segment in SEGMENTS
    assert page.locator("#bar-segment-revenue-by-segment .mark-rect path").count() == 1

    page.locator("#bar-segment-revenue-by-segment .mark-rect path").first.click()
    page.wait_for_url(f"**/detail.html#p.Segment={segment}")
    reader.drawn(1)
    page.locator("#rows-segments-of-customers tbody a").first.click()
    reader.drawn(2)
    assert page.locator("#choose-Person").input_value() == f"p_{segment}"
    assert page.locator("#rows-customers tbody tr").count() == 1


def test_the_keyboard_reaches_everything(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert "choose-Currency" in reached
    assert reached.count("A") >= len(NAMES)
    page.locator("#bar-segment-size-by-segment summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/management.html#p.Segment=*")


def test_the_odd_week_is_ringed_and_the_error_of_the_forecast_is_said(reader: Reader, pages) -> None:
    page = reader.open(pages["executive"])
    said = page.locator("#line-revenue-by-week .said").text_content() or ""
    assert "1 unexpected value" in said
    assert "held out" in said
    rows = page.evaluate("DATA.visuals.find((one) => one.id === 'line-revenue-by-week').rows")
    usd = [row for row in rows if row["choice_currency"] == "USD"]
    assert [place for place, row in enumerate(usd[:WEEKS]) if row.get("unexpected")] == [ODD_WEEK]
    ahead = [row for row in usd if "ahead" in row]
    assert len(ahead) == 8
    assert all(row["low"] < row["ahead"] < row["high"] for row in ahead)


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_shows_it_in_one_column_without_scrolling_sideways(browser: Browser, pages, name: str) -> None:
    phone = Reader(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = phone.open(pages[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = {round(one.bounding_box()["width"]) for one in page.locator("figure").all()}
    assert len(widths) == 1
    assert phone.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(browser: Browser, pages, scheme: Any) -> None:
    one = Reader(browser, color_scheme=scheme)
    page = one.open(pages["executive"])
    for selector in ("h1", ".about", ".value", "nav a:not([aria-current])", ".said"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector
    assert page.evaluate(LABEL_CONTRAST) >= 4.5
    assert one.errors == []


LUMINANCE = """
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((one) => Number(one) / 255);
    const [r, g, b] = parts.map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (color && color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
"""
CONTRAST = f"""(selector) => {{ {LUMINANCE}
  const element = document.querySelector(selector);
  return contrast(getComputedStyle(element).color, behind(element));
}}"""
LABEL_CONTRAST = f"""() => {{ {LUMINANCE}
  const label = document.querySelector("svg .role-axis-label text");
  return contrast(getComputedStyle(label).fill, behind(label.closest("figure")));
}}"""
