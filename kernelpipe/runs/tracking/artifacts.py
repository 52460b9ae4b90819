"""What a finished run leaves in MLflow as files: its notebook, tables that steps hand on."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LARGEST_TABLE_BYTES = 200 << 20


@contextmanager
def notebook_files(notebook: Path, notes: list[str]) -> Iterator[tuple[Path, ...]]:
    """Give the executed notebook and a page that shows it, as files with its name.

    Args:
        notebook: The executed notebook.
        notes: Gets a sentence when there is no page.
    """
    if not notebook.is_file():
        notes.append(f"the executed notebook {notebook} is gone")
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix="kernelpipe-") as folder:
        page = Path(folder) / f"{notebook.stem}.html"
        text = _html(notebook, notes)
        if text is None:
            yield (notebook,)
            return
        page.write_text(text, encoding="utf-8")
        yield (notebook, page)


def _html(notebook: Path, notes: list[str]) -> str | None:
    try:
        import nbconvert
        import nbformat
    except ImportError:
        notes.append("without nbconvert, the notebook is not there as a page")
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about cells that people wrote
            content = nbformat.read(notebook, as_version=4)
            text, _ = nbconvert.HTMLExporter().from_notebook_node(content)
    except Exception as error:  # noqa: BLE001 - whatever the converter cannot show must not matter
        notes.append(f"the notebook cannot be shown as a page: {type(error).__name__}: {error}")
        return None
    return str(text)


@contextmanager
def table_files(values: Mapping[str, Any], notes: list[str]) -> Iterator[tuple[Path, ...]]:
    """Give the tables among ``values`` as Parquet files, as CSV where that cannot hold them.

    Args:
        values: By name.
        notes: Gets a sentence for each table that is left out.
    """
    with tempfile.TemporaryDirectory(prefix="kernelpipe-") as folder:
        yield tuple(
            path
            for name, value in sorted(values.items())
            if is_table(value) and (path := _table_file(name, value, Path(folder), notes))
        )


def is_table(value: object) -> bool:
    """Tell whether a value is a data frame of pandas."""
    kind = type(value)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def _table_file(name: str, table: Any, folder: Path, notes: list[str]) -> Path | None:
    size = int(table.memory_usage(deep=False).sum())
    if size > _LARGEST_TABLE_BYTES:
        notes.append(f"the table '{name}' is left out: {size >> 20} MiB")
        return None
    path = folder / f"{name}.parquet"
    try:
        table.to_parquet(path)
    except (ImportError, TypeError, ValueError, OverflowError, NotImplementedError):
        path = folder / f"{name}.csv"
        table.to_csv(path)
    return path
