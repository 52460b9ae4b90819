"""Tests of what is kept about batches."""

from dataclasses import replace
from pathlib import Path

import pytest

from kernelpipe.backends.local.batch import point_name
from kernelpipe.backends.local.batch_records import BatchRecord, BatchRecords
from kernelpipe.errors import UsageError
from kernelpipe.runs.owner import current_owner


def draft(records: BatchRecords, folder: Path, *, points: tuple[str, ...] = ("{}",)) -> BatchRecord:
    """Return the record of a new batch of the notebook in ``folder``."""
    path = folder / "nb.ipynb"
    if not path.exists():
        path.write_text("{}")
    return records.draft(path, points=points, varying=("lr",), is_cache_used=True)


def ended(record: BatchRecord) -> BatchRecord:
    """Return ``record`` as of a process that has ended."""
    return replace(record, owner=replace(current_owner(), start="long ago"))


def test_find_unfinished__same_points_and_notebook__is_found(tmp_path: Path) -> None:
    """A batch is continued only while notebook, points and options are the same."""
    records = BatchRecords(tmp_path / "home", clock=lambda: 0.0)
    begun = records.begin(draft(records, tmp_path))

    same = records.find_unfinished(draft(records, tmp_path))
    other_points = records.find_unfinished(draft(records, tmp_path, points=("{}", '{"lr": 1}')))
    other_options = records.find_unfinished(replace(begun, is_cache_used=False))
    (tmp_path / "nb.ipynb").write_text("{ }")
    other_notebook = records.find_unfinished(draft(records, tmp_path))

    assert same == begun
    assert begun.id.startswith("19700101-000000-")
    assert (other_points, other_options, other_notebook) == (None, None, None)


def test_find_unfinished__finished_or_running__is_not_continued(tmp_path: Path) -> None:
    """What another process carries out now, or what is done, is left alone."""
    records = BatchRecords(tmp_path / "home")
    begun = records.begin(draft(records, tmp_path))
    elsewhere = replace(begun, owner=replace(current_owner(), host="elsewhere"))
    records._write(elsewhere)
    assert records.find_unfinished(begun) is None

    records._write(ended(begun))
    assert records.find_unfinished(begun) == ended(begun)

    records.finish(ended(begun))
    assert records.find_unfinished(begun) is None


def test_find__references__mean_one_batch(tmp_path: Path) -> None:
    """An id, its beginning, or the newest that ended early."""
    times = iter([100.0, 200.0, 300.0])
    records = BatchRecords(tmp_path, clock=lambda: next(times))
    first, second, third = (records.begin(ended(draft(records, tmp_path))) for _ in range(3))
    records.finish(third)
    source = tmp_path / "nb.ipynb"

    assert records.find("latest", source) == second
    assert records.find(first.id, source) == first
    assert records.find(third.id[:15], source).is_finished
    with pytest.raises(UsageError, match="3 batches begin with '1970'"):
        records.find("1970", source)
    with pytest.raises(UsageError, match=f"no batch 'x'.*\n  hint: the latest batch is {third.id}"):
        records.find("x", source)
    with pytest.raises(UsageError, match=r"no batch of .*other\.ipynb in .* ended early"):
        records.find("latest", tmp_path / "other.ipynb")


def test_find__still_running__is_refused(tmp_path: Path) -> None:
    """Two processes do not carry out one batch."""
    records = BatchRecords(tmp_path)
    begun = records.begin(draft(records, tmp_path))
    records._write(replace(begun, owner=replace(current_owner(), host="elsewhere", pid=7)))

    with pytest.raises(UsageError, match=f"batch {begun.id} still runs, in process 7"):
        records.find(begun.id, tmp_path / "nb.ipynb")


def test_find__damaged_records__are_passed_over(tmp_path: Path) -> None:
    """Files of a later version, or cut off, cannot be continued and do no harm."""
    records = BatchRecords(tmp_path)
    begun = records.begin(draft(records, tmp_path))
    (tmp_path / "batches" / "cut.json").write_text('{"version": 1, "id"')
    (tmp_path / "batches" / "later.json").write_text('{"version": 2}')

    assert records.find("latest", tmp_path / "nb.ipynb") == begun


def test_begin__home_cannot_be_written__is_refused(tmp_path: Path) -> None:
    """The message names the option."""
    (tmp_path / "home").write_text("a file")
    records = BatchRecords(tmp_path / "home")

    with pytest.raises(UsageError, match=r"cannot be written.*\n  hint: name a directory"):
        records.begin(draft(records, tmp_path))


def test_draft__no_notebook__is_refused(tmp_path: Path) -> None:
    """The notebook may have gone since it was read."""
    with pytest.raises(UsageError, match=r"cannot read .*gone\.ipynb"):
        BatchRecords(tmp_path).draft(
            tmp_path / "gone.ipynb", points=(), varying=(), is_cache_used=True
        )


@pytest.mark.parametrize(
    ("index", "total", "values", "name"),
    [
        pytest.param(0, 9, {}, "1", id="no-values"),
        pytest.param(4, 120, {"lr": 0.1, "depth": 3}, "005-lr=0.1-depth=3", id="numbers"),
        pytest.param(0, 1, {"s": "../a b/é"}, "1-s=.._a_b_é", id="text"),
        pytest.param(0, 1, {"s": "x" * 200}, "1-s=" + "x" * 76, id="long"),
        pytest.param(0, 1, {"s": [1, None]}, "1-s=_1__null_", id="list"),
    ],
)
def test_point_name__values__make_a_safe_file_name(
    index: int, total: int, values: dict[str, object], name: str
) -> None:
    """Numbers count from one and are as wide as the last one."""
    assert point_name(index, total, values) == name
