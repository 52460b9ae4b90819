"""What tests do and see in a browser: a page of JupyterLab, or of Jupyter Notebook."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Response, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from browser.lab import ROOT, Lab

AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_S = 60.0
"""How long anything may take before a test fails."""
_OURS = re.compile(r"kernelpipe", re.IGNORECASE)


class LabPage:
    """A browser tab; remembers what went wrong in it.

    Attributes:
        page: The tab itself.
        refusals: Statuses that the server may answer our requests with, beside good ones.
    """

    def __init__(self, page: Page, lab: Lab, workspace: str) -> None:
        self.page = page
        self.lab = lab
        self.refusals: set[int] = set()
        self._workspace = workspace
        self._wrong: list[str] = []
        self._refused: list[tuple[int, str]] = []
        page.on("console", self._hear)
        page.on("pageerror", self._see_error)
        page.on("response", self._see_response)

    # What went wrong

    def _hear(self, message: ConsoleMessage) -> None:
        says = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and _OURS.search(says) and "Failed to load res" not in says:
            self._wrong.append(f"console: {says}")

    def _see_error(self, error: Error) -> None:
        if _OURS.search(f"{error} {error.stack}"):
            self._wrong.append(f"error: {error} {error.stack}")

    def _see_response(self, response: Response) -> None:
        if "/kernelpipe/" in response.url and response.status >= 400:
            self._refused.append((response.status, response.url))

    def wrongs(self) -> list[str]:
        """Return the errors that our extension had, and requests that were refused."""
        refused = [
            f"{status} {url}" for status, url in self._refused if status not in self.refusals
        ]
        return [*self._wrong, *refused]

    # Going to places

    def open(self, path: str) -> None:
        """Open a notebook in JupyterLab and wait until it is on the screen."""
        self.page.goto(self.lab.url(f"lab/workspaces/{self._workspace}/tree/{path}"))
        self.wait_for_app()
        self.wait_for_notebook(path)

    def open_with_panel(self, path: Path, steps: Sequence[str]) -> None:
        """Open a notebook of the server's root with the panel, and wait for its steps."""
        self.open(path.relative_to(self.lab.root).as_posix())
        self.show_panel()
        self.expect_steps(steps)

    def open_in_notebook(self, path: str) -> None:
        """Open a notebook in Jupyter Notebook."""
        self.page.goto(self.lab.url(f"notebooks/{path}"))
        self.wait_for_app()
        self.wait_for_notebook(path)

    def wait_for_app(self) -> None:
        """Wait until the application has started, with all its extensions."""
        self.page.wait_for_function(
            """() => {
                 const app = window.jupyterapp;
                 if (app && window.isRestored === undefined) {
                     window.isRestored = false;
                     Promise.all([app.started, app.restored])
                         .then(() => { window.isRestored = true; });
                 }
                 return window.isRestored === true;
            }"""
        )

    def wait_for_notebook(self, path: str) -> None:
        """Wait until a notebook is the current document and its cells are there."""
        self.page.wait_for_function(
            """path => {
                 const widget = window.jupyterapp?.shell.currentWidget;
                 const context = widget?.context;
                 return context && context.isReady &&
                     context.path.replace(/^RTC:/, '') === path &&
                     widget.content.widgets.length > 0;
            }""",
            arg=path,
        )

    def reload(self) -> None:
        """Load the page again, as a user does with F5."""
        self.page.reload()
        self.wait_for_app()

    def execute(self, command: str, **arguments: object) -> None:
        """Execute a command and wait for its end."""
        self.page.evaluate(
            "([id, args]) => window.jupyterapp.commands.execute(id, args).then(() => null)",
            [command, arguments],
        )

    def press_palette(self, label: str) -> None:
        """Choose a command in the palette; Lab closes it when a document that loads is focused."""
        self.wait_for_kernel()
        self.page.evaluate(
            """() => {
                 window.executedLabels = [];
                 window.jupyterapp.commands.commandExecuted.connect((commands, { id, args }) => {
                     window.executedLabels.push(commands.label(id, args));
                 });
            }"""
        )
        entry = self.page.locator(".lm-CommandPalette-input")
        chosen = self.page.locator(".lm-CommandPalette-item.lm-mod-active")
        patience_ms = PATIENCE_S * 1000 / 6
        for _ in range(4):
            self.page.keyboard.press("Control+Shift+C")
            with suppress(PlaywrightTimeoutError, AssertionError):
                entry.fill(label, timeout=patience_ms)
                expect(chosen).to_contain_text(label, timeout=patience_ms)
                entry.press("Enter", timeout=patience_ms)
                self.page.wait_for_function(
                    "label => window.executedLabels.some(each => each.startsWith(label))",
                    arg=label,
                    timeout=patience_ms,
                )
                return
        raise AssertionError(f"the palette did not execute {label!r}")

    def save(self) -> None:
        """Save the current document until it is saved: Lab notes the kernel in it when it comes."""
        is_saved = "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        for _ in range(3):
            self.execute("docmanager:save")
            with suppress(PlaywrightTimeoutError):
                self.page.wait_for_function(is_saved, timeout=PATIENCE_S * 1000 / 3)
                return
        self.page.wait_for_function(is_saved)

    def wait_for_kernel(self) -> None:
        """Wait until the user's kernel is there; Lab then notes its version in the notebook."""
        self.page.wait_for_function(
            """() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel
                 ?.status === 'idle'"""
        )

    def is_dirty(self) -> bool:
        """Tell whether the current document has unsaved changes."""
        return bool(
            self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty")
        )

    def theme(self) -> str:
        """Return the name of the theme."""
        return str(self.page.evaluate("() => document.body.dataset.jpThemeName"))

    # Cells

    def cell(self, index: int) -> Locator:
        """Return the cell at ``index`` of the current notebook."""
        return self.page.locator(
            f'.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index="{index}"]'
        )

    def source(self, index: int) -> str:
        """Return the source of a cell as the editor has it."""
        found = self.page.evaluate(
            """index => window.jupyterapp.shell.currentWidget.content
                 .widgets[index].model.sharedModel.getSource()""",
            index,
        )
        return str(found)

    def tags(self, index: int) -> list[str]:
        """Return the tags of a cell as the editor has them."""
        found = self.page.evaluate(
            """index => window.jupyterapp.shell.currentWidget.content
                 .widgets[index].model.getMetadata('tags') ?? []""",
            index,
        )
        return [str(tag) for tag in found]

    def wait_for_tags(self, index: int, tags: Sequence[str]) -> None:
        """Wait until a cell has exactly these tags."""
        self.page.wait_for_function(
            """([index, tags]) => JSON.stringify(window.jupyterapp.shell.currentWidget.content
                 .widgets[index].model.getMetadata('tags') ?? []) === tags""",
            arg=[index, json.dumps(tags, separators=(",", ":"))],
        )

    def set_step(self, name: str) -> None:
        """Make the selected cells a step, by keyboard."""
        self.page.keyboard.press("p")
        entry = self.page.get_by_role("dialog").get_by_role("combobox")
        entry.fill(name)
        entry.press("Enter")
        expect(entry).to_have_count(0)

    def menu_item(self, label: str) -> Locator:
        """Return an item of an open menu."""
        return self.page.locator(".lm-Menu-item").filter(
            has=self.page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True)
        )

    def focused(self) -> str:
        """Return the command of the button that has the focus, "" for anything else."""
        return str(
            self.page.evaluate("() => document.activeElement?.getAttribute('data-command') ?? ''")
        )

    def select(self, first: int, last: int | None = None) -> None:
        """Select a cell, or the cells from ``first`` to ``last``, by clicks beside them."""
        self.cell(first).locator(".jp-InputPrompt").click()
        if last is not None:
            self.cell(last).locator(".jp-InputPrompt").click(modifiers=["Shift"])

    def reveal(self, index: int) -> None:
        """Scroll until a cell is in the middle of the screen, and make it the active one."""
        self.page.evaluate(
            """async index => {
                 const notebook = window.jupyterapp.shell.currentWidget.content;
                 notebook.activeCellIndex = index;
                 await notebook.scrollToItem(index, 'center');
            }""",
            index,
        )

    def active_cell(self) -> int:
        """Return the index of the active cell."""
        return int(
            self.page.evaluate(
                "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
            )
        )

    def cursor(self) -> tuple[int, int]:
        """Return where the cursor of the active cell is: line and column from zero."""
        line, column = self.page.evaluate(
            """() => {
                 const cell = window.jupyterapp.shell.currentWidget.content.activeCell;
                 const at = cell.editor.getCursorPosition();
                 return [at.line, at.column];
            }"""
        )
        return int(line), int(column)

    def write(self, index: int, source: str) -> None:
        """Replace the source of a cell by typing."""
        self.select(index)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)
        self.page.wait_for_function(
            """([index, source]) => window.jupyterapp.shell.currentWidget.content
                 .widgets[index].model.sharedModel.getSource() === source""",
            arg=[index, source],
        )
        self.page.keyboard.press("Escape")

    # The panel

    @property
    def panel(self) -> Locator:
        """The side panel."""
        return self.page.locator("#kernelpipe-panel")

    def show_panel(self) -> None:
        """Click the panel's tab, unless it is on the screen."""
        if not self.panel.is_visible():
            self.page.locator('.jp-SideBar [data-id="kernelpipe-panel"]').click()
        expect(self.panel).to_be_visible()

    def step(self, name: str) -> Locator:
        """Return a step's row in the panel."""
        return self.panel.locator(f'[data-kernelpipe-step="{name}"]').first

    def steps(self) -> Locator:
        """Return the rows of all steps in the panel."""
        return self.panel.locator("[data-kernelpipe-step]")

    def button(self, command: str) -> Locator:
        """Return the button of a command in the panel."""
        return self.panel.locator(f'[data-command="{command}"]').first

    def expect_steps(self, names: Sequence[str]) -> None:
        """Wait until the panel lists exactly these steps."""
        self.page.wait_for_function(
            """names => {
                 const rows = document.querySelectorAll(
                     '#kernelpipe-panel [data-kernelpipe-step]');
                 const found = [...new Set([...rows].map(row => row.dataset.kernelpipeStep))];
                 return JSON.stringify(found) === JSON.stringify(names);
            }""",
            arg=list(names),
        )

    def expect_states(self, state: str, *names: str, within_s: float = PATIENCE_S) -> None:
        """Wait until the panel shows these steps in one state, all at one moment."""
        self.page.wait_for_function(
            """([state, names]) => names.every(name => {
                 const row = document.querySelector(
                     `#kernelpipe-panel [data-kernelpipe-step="${name}"]`);
                 return row && row.dataset.kernelpipeState === state;
            })""",
            arg=[state, list(names)],
            timeout=within_s * 1000,
        )

    def diagnostic(self, code: str) -> Locator:
        """Return the first finding with a code in the panel."""
        return self.panel.locator(f'[data-kernelpipe-diagnostic="{code}"]').first

    def show_history(self) -> None:
        """Bring the list of runs on the screen."""
        self.execute("kernelpipe:show-history")

    def run_row(self, run_id: str) -> Locator:
        """Return a run's row in the history."""
        return self.panel.locator(f'[data-kernelpipe-run="{run_id}"]').first

    def parameter(self, name: str) -> Locator:
        """Return the field of a parameter in the panel."""
        return self.panel.locator(f'[data-kernelpipe-parameter="{name}"]')

    @property
    def run_view(self) -> Locator:
        """The view of a run in the main area."""
        return self.page.locator(".jp-kernelpipe-RunView:visible").first

    def graph_step(self, name: str) -> Locator:
        """Return a step in the graph."""
        return self.page.locator(f'.jp-kernelpipe-Graph [data-kernelpipe-step="{name}"]').first

    # What designers and screen readers see

    def axe(self, *selectors: str) -> list[str]:
        """Return the serious and critical findings of axe in parts of the page."""
        if not self.page.evaluate("() => window.axe !== undefined"):
            self.page.add_script_tag(path=AXE)
        found: dict[str, Any] = self.page.evaluate(
            """selectors => window.axe.run(
                 {include: selectors.map(selector => [selector])},
                 {resultTypes: ['violations']})""",
            list(selectors),
        )
        return [
            f"{finding['impact']}: {finding['id']} ({finding['help']}): {node['html'][:200]}"
            for finding in found["violations"]
            if finding["impact"] in {"serious", "critical"}
            for node in finding["nodes"]
        ]

    def picture(self, path: Path, *, has_notifications: bool = True) -> None:
        """Write a screenshot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = "" if has_notifications else ".Toastify { display: none }"
        self.page.screenshot(path=path, style=hidden, animations="disabled")

    def fold(self, *sections: str) -> None:
        """Close sections of the panel by clicks on their titles."""
        for section in sections:
            title = self.panel.get_by_role("button", name=f"{section} Section")
            title.click()
            expect(title).to_have_attribute("aria-expanded", "false")

    def dialogs(self) -> Locator:
        """Return the modal dialogs on the screen."""
        return self.page.locator(".jp-Dialog")
