"""Tests of the HTML report: what it says, and that nothing in it runs or reaches out."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import kit
import pytest
import records_kit as rk

from kernelpipe import api
from kernelpipe.api.reporting.ansi import terminal_html
from kernelpipe.errors import UsageError
from kernelpipe.model.run import Run, StepError

EVIL = "<script>alert(1)</script>\"'&"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
EMPTY = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})
RESOURCES = ("src", "srcset", "poster", "background", "data", "action", "formaction", "xlink:href")


class Page(HTMLParser):
    """Reads a page strictly: every element must be closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), names
        self.tags.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Refuse what HTML does not know."""
        raise AssertionError((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text that is to be read."""
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """Return all text, words separated by single spaces."""
        return " ".join(" ".join(self.texts).split())

    def names(self) -> set[str]:
        """Return the names of all elements."""
        return {tag for tag, _ in self.tags}


def _checked(text: str, *, is_frame: bool = False) -> Page:
    """Return a page that is well formed, runs nothing and loads nothing."""
    page = Page(text)
    assert not page.names() & {
        "script",
        "link",
        "object",
        "embed",
        "base",
        "form",
        "audio",
        "video",
    }
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert not [name for name in attributes if name in RESOURCES and name != "src"]
        source = attributes.get("src")
        assert source is None or (tag == "img" and source.startswith("data:image/"))
        if tag == "iframe":
            assert not is_frame
            assert attributes["sandbox"] == ""
            _checked(attributes["srcdoc"] or "", is_frame=True)
        if "href" in attributes and tag == "a":
            assert re.match("#|https?://|mailto:", attributes["href"] or "")
    for style in re.findall(r"<style>(.*?)</style>", text, re.DOTALL):
        assert not re.search(r"@import|url\(|http", style)
    if not is_frame:
        assert len(page.ids) == len(set(page.ids))
        anchors = {a.get("href") or "" for tag, a in page.tags if tag == "a"}
        assert {a[1:] for a in anchors if a.startswith("#")} <= set(page.ids)
    return page


def _report(run: Run, **options: Any) -> Page:
    home = Path(run.directory).parents[1]
    written = api.report(run.id, home=home, **options)
    text = written.path.read_text(encoding="utf-8")
    assert written.size_bytes == len(text.encode())
    return _checked(text)


def _facts(started_s: float, **more: Any) -> Any:
    return {
        "attempts": 1,
        "cpu_s": 1.25,
        "peak_bytes": 212_000_000,
        "started_s": started_s,
        "reads": [["/nb/train.csv", "ab" * 32], ["/nb/gone.csv", None], ["/nb", "dir:" + "c" * 64]],
        **more,
    }


def _cells(lr: str) -> list[Any]:
    return [
        rk.ran(kit.code(f"import os\nlr = {lr}", "parameters"), 1),
        kit.markdown("# Churn"),
        rk.ran(kit.code("df = [os.sep]\nprint(df)", "step:load"), 2, rk.stream("loaded\n")),
        rk.ran(kit.code("a = len(df) * lr", "step:left"), 3),
        rk.ran(kit.code("b = len(df)", "step:right"), 4),
        rk.ran(kit.code("print(a, b)\nraise ValueError", "step:join"), 5),
    ]


def _pair(home: Path) -> tuple[Run, Run]:
    """Record a good run and a failed one after it."""
    names = ("load", "left", "right", "join")
    good = rk.record(
        home,
        *_cells("0.1"),
        steps=[rk.step(name, duration_s=2.0, facts=_facts(0.0)) for name in names],
        parameters={"lr": 0.1, "n": 3},
        metrics={"score": 0.8},
    )
    failed = rk.record(
        home,
        *_cells("0.2"),
        steps=[
            rk.step("load", is_cached=True, facts={"reads": [], "made_in": good.id}),
            rk.step("left", duration_s=30.0, facts=_facts(1.0, attempts=3)),
            rk.step("right", duration_s=10.0, facts=_facts(1.0)),
            rk.step(
                "join",
                "FAILED",
                duration_s=2.0,
                facts=_facts(31.0),
                error=StepError(cell_index=5, line=2, ename="ValueError", evalue="no"),
            ),
        ],
        parameters={"lr": 0.2, "n": 3},
        metrics={"score": 0.9, "new": 1},
        state="FAILED",
        at=rk.NOON + 3600,
    )
    return good, failed


def test_report__failed_run__says_everything(tmp_path: Path) -> None:
    """State, time, steps, parameters, metrics, files, packages, differences, outputs."""
    good, failed = _pair(tmp_path / ".kernelpipe")

    page = _report(failed)

    assert {"header", "nav", "main", "footer", "h1", "h2", "h3", "table", "svg"} <= page.names()
    for words in (
        "churn FAILED",
        "2026-11-21 13:00:00 UTC",
        "1 min 15 s",
        rk.FACTS["git_commit"] + " , with uncommitted changes",
        "kernelpipe 0.2.0 Python CPython 3.11.9",
        f"compared with {good.id} (SUCCEEDED)",
        "step 'join' failed at cell 5, line 2: ValueError: no",
        f"load SUCCEEDED found, ran in run {good.id}",
        "left SUCCEEDED ran 30.0 s 1.2 s 212 MB 3 load",
        "join FAILED ran 2.0 s 1.2 s 212 MB 1 left, right ValueError: no",
        "lr 0.2 given n 3 default",
        f"metric value in run {good.id} change score 0.9 0.8 +0.1 (+12.5 %) new 1",
        "/nb/train.csv " + "ab" * 32,
        "/nb/gone.csv absent",
        "c" * 64 + " (names in the folder)",
        "pandas 2.2.3",
        "lr: 0.1 \u2192 0.2",
        "cell 0 changed",
        "loaded",
        "cell 5",
    ):
        assert words in page.text
    langs = [attributes.get("lang") for tag, attributes in page.tags if tag == "html"]
    assert langs == ["en"]


def test_report__plain_run__is_small_and_always_the_same(tmp_path: Path) -> None:
    """Besides the outputs it takes less than 60 KB; nothing in it depends on when it is made."""
    _, failed = _pair(tmp_path / ".kernelpipe")
    home = tmp_path / ".kernelpipe"

    first = api.report(failed.id, home=home).path.read_bytes()
    second = api.report(failed.id, tmp_path / "out.html", home=home).path.read_bytes()

    assert first == second
    assert len(first) < 60_000


def test_report__first_run__is_compared_with_nothing(tmp_path: Path) -> None:
    """There is no part on differences, and metrics have no column for them."""
    good, _ = _pair(tmp_path / ".kernelpipe")

    page = _report(good)

    assert "Difference" not in page.text
    assert "compared with" not in page.text
    assert "metric value score 0.8" in page.text


def test_report__against__is_compared_with_that_run(tmp_path: Path) -> None:
    """A later or a failed run will do, too."""
    good, failed = _pair(tmp_path / ".kernelpipe")

    page = _report(good, against=failed.id)

    assert f"Difference from run {failed.id}" in page.text
    assert "lr: 0.2 \u2192 0.1" in page.text


def test_report__nothing_recorded__leaves_parts_out(tmp_path: Path) -> None:
    """An old record has no facts; what is unknown is not made up."""
    run = rk.record(
        tmp_path / ".kernelpipe",
        kit.code("x = 1", "step:a"),
        steps=[rk.step("a", facts={})],
        facts={},
        parameters={"lr": 1},
    )

    page = _report(run)

    titles = {a["href"] for tag, a in page.tags if tag == "a" and "href" in a}
    assert titles == {"#graph", "#steps", "#parameters", "#outputs", "#step-1"}
    assert "lr 1 not recorded" in page.text
    assert "cell 0 (did not run)" in page.text


def test_report__notebook_is_gone__says_so(tmp_path: Path) -> None:
    """Everything else is told all the same."""
    run = rk.record(tmp_path / "h", kit.code("x = 1", "step:a"), steps=[rk.step("a")])
    Path(run.directory, "source.ipynb").unlink()
    Path(run.directory, "churn.ipynb").unlink()

    page = _report(run)

    assert "The run's notebook cannot be read any more: there is no graph." in page.text
    assert "The run's notebook cannot be read any more. " in page.text


def test_report__run_goes_on__shows_what_there_is(tmp_path: Path) -> None:
    """A run that has not ended has a report, too."""
    steps = [rk.step("a"), rk.step("b", "RUNNING")]
    run = rk.record(tmp_path / "h", kit.code("x = 1", "step:a"), steps=steps, state="RUNNING")

    assert "churn RUNNING" in _report(run).text


def test_report__batch_and_resumed_run__are_told(tmp_path: Path) -> None:
    """Where the run belongs."""
    facts = rk.FACTS | {"batch": "b7", "point": 3, "resumes": "r0"}
    run = rk.record(tmp_path / "h", kit.code("x = 1", "step:a"), steps=[rk.step("a")], facts=facts)

    text = _report(run).text

    assert "batch b7, point 3" in text
    assert "continues run r0" in text


def test_report__hostile_names__are_text(tmp_path: Path) -> None:
    """Whatever the notebook, its data and its records are called."""
    cell = kit.code(f"# {EVIL}\nx = 1", "step:a")
    home = tmp_path / ".kernelpipe"
    fields: Any = {
        "steps": [
            rk.step(
                "a",
                "FAILED",
                reason=EVIL,
                error=StepError(cell_index=0, line=1, ename=EVIL, evalue=EVIL + "\x00\ud800"),
                duration_s=1.0,
                facts={
                    "reads": [[f"/nb/{EVIL}", EVIL]],
                    "started_s": 0.0,
                    "made_in": EVIL,
                },
            ),
            rk.step(EVIL),
        ],
        "metrics": {EVIL: 1.0},
        "notebook": "<b>x&.ipynb",
    }
    facts = {**rk.FACTS, "version": EVIL, "git_commit": EVIL, "packages": {EVIL: EVIL}}
    rk.record(home, cell, parameters={EVIL: EVIL}, facts=facts, **fields)
    run = rk.record(
        home, cell | {"metadata": {"tags": [EVIL]}}, parameters={EVIL: 2}, at=rk.NOON + 9, **fields
    )

    page = _report(run, against="latest~1")

    assert EVIL in page.text
    assert page.text.count("alert(1)") > 10


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("<table><tr><td>1</table>", "<table><tr><td>1</td></tr></table>", id="table"),
        pytest.param("</div></section><b>x", "<b>x</b>", id="stray-end-tags"),
        pytest.param('<b onclick="x()" class="c" id="i">t</b>', "<b>t</b>", id="events"),
        pytest.param("<script>alert(1)</script>after", "after", id="script"),
        pytest.param("<script/>hidden</script>after", "after", id="script-closed-at-once"),
        pytest.param("a<scr<script>ipt>b", "aipt&gt;b", id="script-in-script"),
        pytest.param("a<!-- <b> -->b<![CDATA[x]]>c", "abc", id="comments"),
        pytest.param('x<img src="http://example.org/x.png">', "x", id="remote-image"),
        pytest.param("x<img src=javascript:alert(1)>", "x", id="script-image"),
        pytest.param(
            '<img src="data:image/png;base64,AA" onerror="x()">',
            '<img src="data:image/png;base64,AA">',
            id="inline-image",
        ),
        pytest.param('<a href="javascript:alert(1)">x</a>', "<a rel=", id="script-link"),
        pytest.param(
            '<a href="https://example.org">x</a>', '<a href="https://example.org"', id="link"
        ),
        pytest.param("x<iframe src=//example.org>y</iframe>z", "xz", id="frame"),
        pytest.param("x<svg><a>1</a><svg/></svg>z", "xz", id="svg"),
        pytest.param("x<object data=a></object><embed src=a>z", "xz", id="object"),
        pytest.param('x<form action="/x"><input name=a></form>z', "xz", id="form"),
        pytest.param("x<textarea></div></textarea>z", "xz", id="textarea"),
        pytest.param('x<p style="background:url(x)">y</p>', "x<p>y</p>", id="style-attribute"),
        pytest.param("x<base href=//example.org><link rel=x href=y>z", "xz", id="base"),
        pytest.param('a<td title="&quot;&gt;<script>">b', 'a<td title="&quot;', id="quotes"),
    ],
)
def test_report__html_output__loses_what_runs_or_loads(
    source: str, kept: str, tmp_path: Path
) -> None:
    """What only shows something stays, balanced."""
    shown = rk.display(text__html=source, text__plain="plain")
    run = rk.record(tmp_path / "h", rk.ran(kit.code("x", "step:a"), 1, shown), steps=[rk.step("a")])

    _report(run)

    text = Path(run.directory, "report.html").read_text(encoding="utf-8")
    inner = text.partition('<div class="html scroll">')[2]
    assert inner.startswith(kept), inner[:100]


@pytest.mark.parametrize(
    ("source", "is_said"),
    [
        pytest.param("<b>x</b>", False, id="plain"),
        pytest.param("<b>x</b><script>y</script>", True, id="script"),
        pytest.param("<b onclick='y()'>x</b>", True, id="event"),
    ],
)
def test_report__html_output__says_when_scripts_were_left_out(
    source: str,
    is_said: object,
    tmp_path: Path,
) -> None:
    """A plot that can be moved is not silently a still one."""
    shown = rk.display(text__html=source)
    run = rk.record(tmp_path / "h", rk.ran(kit.code("x", "step:a"), 1, shown), steps=[rk.step("a")])

    note = "Interactive parts are in the executed notebook only."
    assert (note in _report(run).text) is is_said


def test_report__html_with_styles__stands_in_a_frame_without_rights(tmp_path: Path) -> None:
    """Its styles cannot reach the page; those that load something are left out."""
    source = (
        "<style>td {color: red}</style><style>@import 'x';</style>"
        "<style>p{background:url(//example.org)}</style>"
        "<style>p{background:u\\72l(//example.org)}</style>"
        '<style>p{background:image-set("//example.org" 1x)}</style>'
        '<table class="t" style="color:red"><tr><td id="k">1</td></tr></table>'
        "<script>alert(1)</script>"
    )
    shown = rk.display(text__html=source)
    run = rk.record(tmp_path / "h", rk.ran(kit.code("x", "step:a"), 1, shown), steps=[rk.step("a")])

    page = _report(run)

    (frame,) = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert frame["srcdoc"] == (
        "<style>td {color: red}</style>"
        '<table class="t" style="color:red"><tr><td id="k">1</td></tr></table>'
    )
    assert frame["title"] == "HTML output of cell 0"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(
            {"text/html": "<div></div><script>plot()</script>", "text/plain": "Figure()"},
            "Figure() Interactive parts are in the executed notebook only.",
            id="only-a-script",
        ),
        pytest.param({"text/markdown": "# *T*", "text/plain": "no"}, "# *T*", id="markdown"),
        pytest.param({"application/json": {"a": [1]}}, '{ "a": [ 1 ] }', id="json"),
        pytest.param(
            {"application/x-thing": {}},
            "An output of type application/x-thing is in the executed notebook only.",
            id="unknown",
        ),
        pytest.param({"image/png": '"><script>', "text/plain": "Fig"}, "Fig", id="no-image"),
    ],
)
def test_report__output__is_shown_in_the_richest_safe_form(
    data: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """What cannot be shown is named."""
    shown = {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}
    run = rk.record(tmp_path / "h", rk.ran(kit.code("x", "step:a"), 1, shown), steps=[rk.step("a")])

    assert words in _report(run).text


def test_report__images__are_inline(tmp_path: Path) -> None:
    """SVG is shown as an image, in which nothing runs."""
    svg = '<svg xmlns="x"><script>alert(1)</script></svg>'
    cells = [
        rk.ran(kit.code("x", "step:a"), 1, rk.display(image__png=f"{PNG[:4]}\n{PNG[4:]}")),
        rk.ran(kit.code("y"), 2, rk.display(image__svg_xml=svg, text__plain="<Figure>")),
    ]
    run = rk.record(tmp_path / "h", *cells, steps=[rk.step("a")])

    images = [attributes for tag, attributes in _report(run).tags if tag == "img"]

    encoded = base64.b64encode(svg.encode()).decode()
    assert [image["src"] for image in images] == [
        f"data:image/png;base64,{PNG}",
        f"data:image/svg+xml;base64,{encoded}",
    ]
    assert [image["alt"] for image in images] == [
        "Image output of cell 0",
        "Image output of cell 1: <Figure>",
    ]


def test_report__terminal_text__has_colours_and_last_lines(tmp_path: Path) -> None:
    """As in Jupyter: escape sequences become styles, overwritten lines vanish."""
    error = {
        "output_type": "error",
        "ename": "E",
        "evalue": "v",
        "traceback": ["\x1b[0;31mE\x1b[0m: <v>", "\x1b[1;38;5;196mred\x1b[39m bold\x1b[22m off"],
    }
    text = "10%\r100%\r\ndone\x1b[2K\x1b]0;title\x07\n\x1b[38;2;1;2;3;44mrgb\x1b[0m \x1b[95mx"
    cell = rk.ran(kit.code("x", "step:a"), 1, rk.stream(text), error)
    run = rk.record(tmp_path / "h", cell, steps=[rk.step("a")])

    _report(run)

    page = Path(run.directory, "report.html").read_text(encoding="utf-8")
    assert (
        '<pre class="stdout" tabindex="0">100%\ndone\n'
        '<span class="bg-4" style="color:rgb(1,2,3)">rgb</span> <span class="fg-13">x</span></pre>'
    ) in page
    assert (
        '<pre class="error" tabindex="0"><span class="fg-1">E</span>: &lt;v&gt;\n'
        '<span class="bold" style="color:rgb(255,0,0)">red</span><span class="bold"> bold</span>'
        " off</pre>"
    ) in page


def test_report__long_text__is_cut(tmp_path: Path) -> None:
    """A page that browsers can open; the rest is in the notebook."""
    cell = rk.ran(kit.code("x", "step:a"), 1, rk.stream("y" * 150_000))
    run = rk.record(tmp_path / "h", cell, steps=[rk.step("a")])

    assert "50000 more characters are in the executed notebook only." in _report(run).text


def test_report__wide_graph__ties_each_step_to_those_it_waits_for(tmp_path: Path) -> None:
    """Edges that another path implies are left out; long edges pass the layers between."""
    cells = [
        kit.code("a = 1", "step:first"),
        kit.code("b = a + 1", "step:second"),
        kit.code("c = b + 1", "step:third"),
        kit.code("q = 5", "step:lone"),
        kit.code("print(a, c, q)", "step:a-step-with-a-very-long-name"),
    ]
    names = ["first", "second", "third", "lone", "a-step-with-a-very-long-name"]
    run = rk.record(tmp_path / "h", *cells, steps=[rk.step(name) for name in names])

    page = _report(run)

    text = Path(run.directory, "report.html").read_text(encoding="utf-8")
    edges = re.findall(r'<path d="[^"]*" class="edge"><title>(.*?)</title>', text)
    assert edges == [
        "first to second: a",
        "second to third: b",
        "lone to a-step-with-a-very-long-name: q",
        "third to a-step-with-a-very-long-name: c",
    ]
    assert "a-step-with-a-very-\u2026" in page.text
    (box,) = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert (float(box[0]), float(box[1])) == (372.0, 294.0)


def test_report__differences__are_part_by_part(tmp_path: Path) -> None:
    """Code and outputs as diffs, files in words, and what could not be compared."""
    home = tmp_path / ".kernelpipe"
    one, two = kit.code("x = 1", "step:a"), kit.code("y = 2")
    image = rk.display(text__plain="<Figure>", image__png=PNG)
    rk.record(
        home,
        rk.ran(one | {"id": "one"}, 1, rk.stream("<old>\n")),
        rk.ran(two | {"id": "two"}, 2, image),
        steps=[rk.step("a", facts={"reads": [[str(tmp_path / "d.csv"), "1"], ["/gone", "2"]]})],
        facts={},
    )
    run = rk.record(
        home,
        rk.ran(two | {"id": "two"}, 1, rk.display(image__png=PNG[:-4] + "AAAA")),
        rk.ran(one | {"id": "one"}, 2, rk.stream("<new>\n")),
        steps=[rk.step("a", facts={"reads": [[str(tmp_path / "d.csv"), "3"]]})],
        at=rk.NOON + 9,
    )

    text = _report(run).text

    assert "cell 0 moved (it was cell 1)" in text
    assert "Data files /gone is not read any more d.csv changed" in text
    assert "cell 0: image differs @@ -1 +0,0 @@ -<Figure>" in text
    assert "cell 1 @@ -1 +1 @@ -<old> +<new>" in text
    assert "Not compared run 20261121-120000-" in text
    assert "has no record of its package versions" in text


def test_report__same_run_twice__says_that_nothing_differs(tmp_path: Path) -> None:
    """An empty part would look like a mistake."""
    cell = rk.ran(kit.code("x = 1", "step:a"), 1)
    rk.record(tmp_path / "h", cell, steps=[rk.step("a")])
    run = rk.record(tmp_path / "h", cell, steps=[rk.step("a")], at=rk.NOON + 9)

    assert "Nothing differs." in _report(run).text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        pytest.param("\x1b[3;4mx", '<span class="italic underline">x</span>', id="styles"),
        pytest.param("\x1b[38;5;9mx", '<span class="fg-9">x</span>', id="256-basic"),
        pytest.param(
            "\x1b[48;5;255mx", '<span style="background:rgb(238,238,238)">x</span>', id="256-grey"
        ),
        pytest.param("\x1b[38;5;999mx", "x", id="256-none"),
        pytest.param("\x1b[38;5mx", "x", id="cut-short"),
        pytest.param("\x1b[38;9mx", "x", id="unknown-kind"),
        pytest.param("\x1b[31mx\x1b[my", '<span class="fg-1">x</span>y', id="reset"),
        pytest.param("\x1b[103;97mx", '<span class="bg-11 fg-15">x</span>', id="bright"),
        pytest.param("a\x1b[1Kb\x1b", "ab", id="other-commands"),
    ],
)
def test_terminal_html__escape_sequences__become_styles(text: str, html: str) -> None:
    """What is no style is left out."""
    assert terminal_html(text) == html


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("", "is a folder", id="folder"),
        pytest.param("none/out.html", "there is no folder", id="no-folder"),
        pytest.param("out.ipynb", "is a notebook's name", id="notebook"),
    ],
)
def test_report__target_that_cannot_be__is_refused(
    target: str, message: str, tmp_path: Path
) -> None:
    """A notebook is never overwritten by a page."""
    run = rk.record(tmp_path / "h", kit.code("x = 1", "step:a"), steps=[rk.step("a")])

    with pytest.raises(UsageError, match=message):
        api.report(run.id, tmp_path / target, home=tmp_path / "h")


def test_report__document_of_the_run__has_the_same_facts(tmp_path: Path) -> None:
    """What the page shows is in the JSON, too."""
    _, failed = _pair(tmp_path / ".kernelpipe")

    document = json.loads(api.to_json(api.run_document(failed)))

    assert document["git"] == {"commit": rk.FACTS["git_commit"], "dirty": True}
    assert document["packages"] == {"numpy": "2.1.0", "pandas": "2.2.3"}
    assert document["given"] == ["lr"]
    load, left, *_ = document["steps"]
    assert (load["cached"], load["made_in"], load["cpu_s"]) == (
        True,
        api.find_run("latest~1", home=tmp_path / ".kernelpipe").id,
        None,
    )
    assert (left["attempts"], left["cpu_s"], left["peak_bytes"]) == (3, 1.25, 212_000_000)
    assert left["reads"][1] == {"path": "/nb/gone.csv", "digest": None}
