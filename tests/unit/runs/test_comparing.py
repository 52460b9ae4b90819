"""Tests of comparing two runs."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import kit
import pytest
import records_kit as rk

from kernelpipe.model.run import Run
from kernelpipe.runs import RunStore
from kernelpipe.runs.comparing import (
    CellChange,
    Comparison,
    MetricChange,
    OutputChange,
    ValueChange,
    causes,
    compare_runs,
    files_read,
    last_success,
    shown_path,
    text_diff,
)

LOAD = kit.code("x = 1\nprint(x)", "step:load")
TRAIN = kit.code("y = x * lr", "step:train")


def _pair(
    tmp_path: Path,
    before: list[Any],
    after: list[Any],
    *,
    old: Any = None,
    new: Any = None,
) -> Comparison:
    """Record a run of each list of cells and compare the two."""
    home = tmp_path / ".kernelpipe"
    first = rk.record(home, *before, **(old or {}))
    second = rk.record(home, *after, at=rk.NOON + 100, **(new or {}))
    return compare_runs(first, second)


def test_compare_runs__same__differ_in_nothing(tmp_path: Path) -> None:
    """Ids, times and addresses of objects are no differences."""
    before = rk.ran(LOAD, 1, rk.stream("<object at 0x7f3a12345678>\n"))
    after = rk.ran(LOAD, 1, rk.stream("<object at 0x7f3a99999999>\n"))

    found = _pair(tmp_path, [before], [after], old={"steps": [rk.step("load")]})

    assert found.cells == found.outputs == found.unknown == ()
    assert found.steps == (ValueChange(name="load", before="SUCCEEDED", after=None),)
    same = _pair(tmp_path, [before], [after])
    assert same.is_empty
    assert causes(same) == ()


def test_compare_runs__parameters__tell_missing_from_null(tmp_path: Path) -> None:
    """Values are JSON; what a run does not have is None."""
    found = _pair(
        tmp_path,
        [LOAD],
        [LOAD],
        old={"parameters": {"lr": 0.1, "same": [1], "gone": None}},
        new={"parameters": {"lr": 0.2, "same": [1], "new": None}},
    )

    assert found.parameters == (
        ValueChange(name="lr", before="0.1", after="0.2"),
        ValueChange(name="new", before=None, after="null"),
        ValueChange(name="gone", before="null", after=None),
    )
    assert not found.is_empty


def test_compare_runs__packages_and_versions__are_compared(tmp_path: Path) -> None:
    """Python and kernelpipe are versions, too."""
    newer = rk.FACTS | {"packages": {"pandas": "3.0.0"}, "python": "3.12.1", "version": "0.3.0"}

    found = _pair(tmp_path, [LOAD], [LOAD], new={"facts": newer})

    assert found.packages == (
        ValueChange(name="pandas", before="2.2.3", after="3.0.0"),
        ValueChange(name="numpy", before="2.1.0", after=None),
    )
    assert found.versions == (
        ValueChange(name="Python", before="CPython 3.11.9", after="3.12.1"),
        ValueChange(name="kernelpipe", before="0.2.0", after="0.3.0"),
    )


def test_compare_runs__nothing_recorded__says_so_and_claims_nothing(tmp_path: Path) -> None:
    """A run without facts may have read anything: its silence is no difference."""
    reads = {"reads": [["/data.csv", "ab"]]}

    found = _pair(
        tmp_path,
        [LOAD],
        [LOAD],
        old={"facts": {}, "steps": [rk.step("load", facts={}), rk.step("t", "SKIPPED", facts={})]},
        new={"steps": [rk.step("load", facts=reads), rk.step("t", facts=reads)]},
    )

    first = found.before
    assert found.unknown == (
        f"run {first} has no record of its package versions",
        f"run {first} has no record of the files that step 'load' read",
    )
    assert found.packages == found.files == found.versions == ()
    second, first_run = RunStore(tmp_path / ".kernelpipe").list_runs()
    assert compare_runs(second, first_run).files == ()


def test_compare_runs__files__are_compared_by_content(tmp_path: Path) -> None:
    """Changed, new, gone and no longer read are different things."""
    old = {"reads": [["/a", "1"], ["/b", "2"], ["/c", None], ["/d", "4"], ["/e", "5"]]}
    new = {"reads": [["/a", "9"], ["/b", None], ["/c", "3"], ["/e", "5"], ["/f", "6"]]}

    found = _pair(
        tmp_path,
        [LOAD],
        [LOAD],
        old={"steps": [rk.step("load", facts=old)]},
        new={"steps": [rk.step("load", facts=new)]},
    )

    assert found.files == (
        ValueChange(name="/a", before="1", after="9"),
        ValueChange(name="/b", before="2", after="absent"),
        ValueChange(name="/c", before="absent", after="3"),
        ValueChange(name="/d", before="4", after=None),
        ValueChange(name="/f", before=None, after="6"),
    )
    assert causes(found) == (
        "/a changed",
        "/b is gone",
        "/c is new",
        "/d is not read any more",
        "/f is read now",
    )


def test_files_read__two_steps__keep_every_content_once(tmp_path: Path) -> None:
    """A file that changed between two steps has both digests, in pipeline order."""
    run = rk.record(
        tmp_path / "h",
        LOAD,
        steps=[
            rk.step("a", facts={"reads": [["/z", "2"], ["/y", "1"]]}),
            rk.step("b", facts={"reads": [["/z", "1"], ["/z", "2"]]}),
        ],
    )

    assert files_read(run) == {"/y": ("1",), "/z": ("2", "1")}
    assert list(files_read(run)) == ["/y", "/z"]


def test_compare_runs__metrics__have_delta_and_percent(tmp_path: Path) -> None:
    """What stayed the same is left out, NaN included."""
    found = _pair(
        tmp_path,
        [LOAD],
        [LOAD],
        old={"metrics": {"acc": 0.8, "n": 3, "nan": math.nan, "zero": 0.0, "gone": 1}},
        new={"metrics": {"acc": 0.9, "n": 3, "nan": math.nan, "zero": 2.0, "new": 5}},
    )

    assert [(m.name, m.before, m.after) for m in found.metrics] == [
        ("acc", 0.8, 0.9),
        ("zero", 0.0, 2.0),
        ("new", None, 5),
        ("gone", 1, None),
    ]
    acc, zero, new, gone = found.metrics
    assert (acc.delta, acc.percent) == (pytest.approx(0.1), pytest.approx(12.5))
    assert (zero.delta, zero.percent) == (2.0, None)
    assert (new.delta, gone.delta, new.percent) == (None, None, None)
    negative = MetricChange(name="loss", before=-2.0, after=-1.0)
    assert negative.percent == 50.0
    assert MetricChange(name="x", before=1.0, after=math.inf).percent is None


def test_compare_runs__code__is_matched_by_id_and_shown_as_a_diff(tmp_path: Path) -> None:
    """A cell above does not make all others differ."""
    new = kit.code("import os", "imports") | {"id": "fresh"}
    changed = kit.code("x = 2\nprint(x)", "step:loading") | {"id": "c0"}

    found = _pair(
        tmp_path,
        [LOAD, TRAIN, kit.code("z = 3\nw = 4")],
        [new, kit.markdown("text"), changed, TRAIN | {"id": "c1"}],
    )

    assert found.cells == (
        CellChange(before=None, after=0, diff="@@ -0,0 +1 @@\n+import os"),
        CellChange(
            before=0,
            after=2,
            diff="@@ -1,2 +1,2 @@\n-x = 1\n+x = 2\n print(x)",
            tags=ValueChange(name="tags", before="step:load", after="step:loading"),
        ),
        CellChange(before=2, after=None, diff="@@ -1,2 +0,0 @@\n-z = 3\n-w = 4"),
    )
    assert causes(found) == (
        "cell 0 is new",
        "cell 2 changed",
        "tags of cell 2: step:load -> step:loading",
        "cell 2 was removed",
    )


def test_compare_runs__other_ids__are_matched_by_text(tmp_path: Path) -> None:
    """A tool that gives all cells new ids changes nothing; similar text is the same cell."""
    renamed = [
        LOAD | {"id": "n0"},
        kit.code("y = x * lr * 2", "step:train") | {"id": "n1"},
    ]

    found = _pair(tmp_path, [LOAD, TRAIN], renamed)

    assert found.cells == (
        CellChange(before=1, after=1, diff="@@ -1 +1 @@\n-y = x * lr\n+y = x * lr * 2"),
    )


def test_compare_runs__moved_cell__is_said(tmp_path: Path) -> None:
    """The order of the notebook is its meaning."""
    one, two, three = (kit.code(f"value_{n} = {n}") | {"id": f"k{n}"} for n in (1, 2, 3))

    found = _pair(tmp_path, [one, two, three], [three, one, two])

    assert found.cells == (CellChange(before=2, after=0, is_moved=True),)
    assert causes(found) == ("cell 0 moved (it was cell 2)",)


def test_compare_runs__outputs__differ_by_text_and_by_kind(tmp_path: Path) -> None:
    """Text is shown as a diff; of images and the like only that they differ is said."""

    def cell(text: str, image: str, html: str) -> kit.JSON:
        shown = rk.display(text__plain="<Figure>", image__png=image, text__html=html)
        failed = {"output_type": "error", "ename": "E", "evalue": text, "traceback": []}
        return rk.ran(LOAD, 1, rk.stream(f"{text}\n"), shown, failed)

    before = cell("a", "AAAA", "<b id=1>same</b><script>1</script>")
    after = cell("b", "BBBB", "<b id=2>same</b><script>2</script>")

    found = _pair(tmp_path, [before], [after])

    assert found.outputs == (
        OutputChange(
            before=0,
            after=0,
            diff="@@ -1,3 +1,3 @@\n-a\n+b\n <Figure>\n-E: a\n+E: b",
            kinds=("image/png",),
        ),
    )
    assert not found.is_empty


def test_compare_runs__cell_ran_in_one_run_only__is_not_compared(tmp_path: Path) -> None:
    """A missing output is not an empty one."""
    found = _pair(tmp_path, [rk.ran(LOAD, 1, rk.stream("1\n")), TRAIN], [LOAD, TRAIN])

    assert found.outputs == ()
    assert found.unknown == ("cell 0 ran in one of the runs only: the outputs were not compared",)


def test_compare_runs__notebook_is_gone__is_said(tmp_path: Path) -> None:
    """The rest is compared all the same."""
    home = tmp_path / ".kernelpipe"
    first = rk.record(home, LOAD, parameters={"n": 1})
    second = rk.record(home, LOAD, parameters={"n": 2}, at=rk.NOON + 100)
    Path(first.directory, "source.ipynb").unlink()
    Path(first.directory, "churn.ipynb").unlink()

    found = compare_runs(first, second)

    assert found.unknown == (
        f"run {first.id} has no readable notebook any more: code and outputs were not compared",
    )
    assert found.parameters == (ValueChange(name="n", before="1", after="2"),)


def test_compare_runs__run_without_executed_notebook__takes_the_outputs_of_its_steps(
    tmp_path: Path,
) -> None:
    """A run that was killed is compared with what it had put out."""
    home = tmp_path / ".kernelpipe"
    step_cell = rk.ran(LOAD, 1, rk.stream("so far\n"))
    step_cell["metadata"]["kernelpipe"] = {"cell": 0, "role": "step"}
    own = rk.ran(kit.code("begin()"), 1, rk.stream("ours"))
    executed = kit.write(tmp_path / "executed.ipynb", own, step_cell)
    first = rk.record(home, LOAD, steps=[rk.step("load", "FAILED", notebook=str(executed))])
    Path(first.directory, "churn.ipynb").unlink()
    second = rk.record(home, rk.ran(LOAD, 1, rk.stream("all\n")), at=rk.NOON + 100)

    found = compare_runs(first, second)

    assert [change.diff for change in found.outputs] == ["@@ -1 +1 @@\n-so far\n+all"]


def test_last_success__runs__is_the_newest_good_one_of_this_notebook(tmp_path: Path) -> None:
    """Failed runs, later runs and runs of other notebooks do not count."""
    home = tmp_path / ".kernelpipe"

    def at(minutes: int, **fields: Any) -> Run:
        return rk.record(home, LOAD, at=rk.NOON + 60 * minutes, **fields)

    at(0)
    good = at(1)
    at(2, state="FAILED")
    at(3, notebook="other.ipynb")
    run = at(4)
    at(5)

    assert last_success(RunStore(home).list_runs(), run) == good
    assert last_success(RunStore(home).list_runs(), replace(run, source="/else.ipynb")) is None


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        pytest.param("a\n", "a\n", "", id="same"),
        pytest.param("a\n", "a\r\n", "(line ends differ)", id="line-ends"),
        pytest.param(
            "a", "b\n" * 3000, "(1 and 3000 lines, too many to show what differs)", id="long"
        ),
    ],
)
def test_text_diff__texts__are_compared(before: str, after: str, text: str) -> None:
    """Long texts are not compared line by line: that takes long."""
    assert text_diff(before, after) == text


def test_text_diff__many_lines_differ__is_cut() -> None:
    """The rest is counted."""
    found = text_diff("", "".join(f"{n}\n" for n in range(1000))).split("\n")

    assert len(found) == 201
    assert found[-1] == "(801 more lines)"


def test_shown_path__file_beside_the_notebook__is_relative() -> None:
    """Files elsewhere keep their whole path."""
    assert shown_path("/nb/data/a.csv", "/nb/churn.ipynb") == "data/a.csv"
    assert shown_path("/data/a.csv", "/nb/churn.ipynb") == "/data/a.csv"
