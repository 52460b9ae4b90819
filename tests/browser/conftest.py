"""One server and one browser for all tests of a worker; a folder and a tab for each."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from browser import lab as labs
from browser.lab import ROOT, Lab
from browser.pages import PATIENCE_S, LabPage

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SIZE = {"width": 1400, "height": 900}
_REPORT = pytest.StashKey[pytest.TestReport]()

expect.set_options(timeout=PATIENCE_S * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Iterator[None]:
    """Remember how a test went, for the picture of one that failed."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Leave the event loop to Playwright; pytest-jupyter would make one."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """There is no server in this process to clean up after."""


def _chromium() -> str:
    found = [os.environ.get("CHROMIUM", ""), *map(shutil.which, ("chromium", "chromium-browser"))]
    for name in (*found, shutil.which("google-chrome")):
        if name and Path(name).exists():
            return name
    pytest.fail(
        "the browser tests need Chromium: on Debian `apt-get install chromium fonts-dejavu-core "
        "fonts-liberation`; elsewhere install it and let CHROMIUM name the program",
        pytrace=False,
    )


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright for all tests of this folder."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests of this folder."""
    browser = playwright.chromium.launch(executable_path=_chromium(), args=_FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server for all tests of this folder."""
    with labs.running(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="package")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """What tabs share, above all what they have loaded already."""
    found = chromium.new_context(viewport=_SIZE, accept_downloads=True)
    found.set_default_timeout(PATIENCE_S * 1000)
    yield found
    found.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go; ``KERNELPIPE_SCREENSHOTS`` names another folder."""
    place = os.environ.get("KERNELPIPE_SCREENSHOTS")
    return Path(place) if place else ROOT / "build" / "screenshots"


@pytest.fixture
def note_figure(pictures: Path) -> Callable[[str, float], None]:
    """Write figures beside the pictures: they are reported, not asserted."""

    def note(name: str, milliseconds: float) -> None:
        pictures.mkdir(parents=True, exist_ok=True)
        (pictures / f"{name}.txt").write_text(f"{milliseconds:.1f} ms\n")

    return note


@pytest.fixture
def folder(lab: Lab, request: pytest.FixtureRequest) -> Path:
    """A folder of this test's own below the server's root."""
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))[:80]
    made = lab.root / name
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    return made


@pytest.fixture
def new_tab(
    lab: Lab,
    context: BrowserContext,
    folder: Path,
    request: pytest.FixtureRequest,
    pictures: Path,
) -> Iterator[Callable[..., LabPage]]:
    """Open tabs that are closed at the end of the test, and must have seen no error of ours."""
    tabs: list[LabPage] = []

    def open_tab(context: BrowserContext = context, lab: Lab = lab) -> LabPage:
        beside = sum(not tab.page.is_closed() for tab in tabs)  # Lab has one tab per workspace
        tabs.append(LabPage(context.new_page(), lab, f"{folder.name}-{beside}"))
        return tabs[-1]

    yield open_tab
    report = request.node.stash.get(_REPORT, None)
    wrongs = [wrong for tab in tabs for wrong in tab.wrongs()]
    for number, tab in enumerate(tabs):
        if not tab.page.is_closed():
            if wrongs or (report is not None and report.failed):
                tab.picture(pictures / "failures" / f"{folder.name}-{number}.png")
            tab.page.close()
    assert wrongs == []


@pytest.fixture
def tab(new_tab: Callable[..., LabPage]) -> LabPage:
    """A tab of the browser."""
    return new_tab()
