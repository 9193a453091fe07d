"""The documents are a site: it is built, every page can be reached from its index, and a broken link fails."""

import fcntl
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.documents import DECISIONS, DOCUMENTS, ROOT
from tools.environments import bootstrap, groups
from tools.suites import runner

README_LINES = 150
INDEX = "docs/index"
BROKEN = """
[no page](docs/no-such-page.md), [no anchor](docs/settings.md#no-such-heading)
"""


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    with (bootstrap.ENVIRONMENTS / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bootstrap.sync(groups.SITE)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A copy of everything that the site is built from."""
    for name in ("README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a folder by the very command of `c360 check`."""
    return subprocess.run(runner.site_command(), cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def links(page: Path) -> set[Path]:
    hrefs = re.findall(r'<a [^>]*href="([^"#:]+\.html)', page.read_text(encoding="utf-8"))
    return {(page.parent / href).resolve() for href in hrefs}


def test_every_page_is_reached_from_the_index(pages: Path) -> None:
    done = build(pages)
    assert done.returncode == 0, done.stderr
    site = pages / "build" / "site"
    seen, left = set[Path](), {site / f"{INDEX}.html"}
    while left:
        page = left.pop()
        seen.add(page)
        left |= links(page) - seen
    written = {path.relative_to(ROOT).with_suffix(".html") for path in {*DOCUMENTS, *DECISIONS}}
    assert written - {page.relative_to(site) for page in seen} == set()


def test_a_broken_link_a_broken_anchor_and_a_page_that_nothing_lists_fail(pages: Path) -> None:
    with (pages / "README.md").open("a", encoding="utf-8") as readme:
        readme.write(BROKEN)
    (pages / "docs" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    done = build(pages)
    assert done.returncode == 1
    for complaint in ("no-such-page.md", "no-such-heading", r"forgotten\.md: WARNING: document isn't included in any"):
        assert re.search(complaint, done.stderr), done.stderr


def test_the_readme_stays_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < README_LINES


def test_the_tools_refer_only_to_existing_steps() -> None:
    paths = [path for folder in ("tools", "ops") for path in (ROOT / folder).rglob("*.py")]
    sources = "".join(path.read_text(encoding="utf-8") for path in paths)
    named = re.findall(r"step (\d+) of (docs/[\w/.-]+\.md)", sources)
    assert named
    for number, name in named:
        assert re.search(rf"^{number}\. \*\*", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE), (number, name)
