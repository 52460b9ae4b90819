"""What differs in a file that two runs of a notebook wrote."""

import filecmp
import gzip
import zipfile
from pathlib import Path
from typing import Final

from kernelpipe.api.output_differences import around, clean, image_differences
from kernelpipe.api.tolerant_texts import Tolerance, same_texts
from kernelpipe.api.value_differences import NOT_LOADED, PICKLES, first_differences

_MOST_TEXT_BYTES: Final = 8 << 20
_IMAGES: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
_ZIPS: Final = frozenset({".zip", ".npz", ".xlsx", ".docx", ".whl"})
_MARKUP: Final = frozenset({".svg", ".html", ".htm"})
_UNLIKE: Final = frozenset(
    {".pdf", ".h5", ".hdf5", ".keras", ".pt", ".pth", ".ckpt", ".mp4", ".db", ".sqlite"}
)
"""Kinds of files that hold times and addresses."""
_WITHOUT_CONTENT: Final = ("docProps/",)
"""Members of archives that say when they were made."""


def file_difference(
    one: Path, other: Path, *, tolerance: Tolerance, beside: Path, is_here: bool
) -> tuple[str, str] | str | None:
    """Return what to tell of either file, a text that says why they cannot be compared, or None.

    Args:
        one: A file.
        other: One of the same name.
        tolerance: What is forgiven in texts and in pickled values.
        beside: The folder from which the notebook's own modules are imported.
        is_here: Load pickles in this process.
    """
    if filecmp.cmp(one, other, shallow=False):
        return None
    suffix = one.suffix.lower()
    if suffix in _IMAGES:
        return image_differences(one.read_bytes(), other.read_bytes())
    if suffix in _ZIPS and all(map(zipfile.is_zipfile, (one, other))):
        members = [_members(path) for path in (one, other)]
        return None if members[0] == members[1] else ("an archive", "one with other members")
    if suffix not in PICKLES:
        return _content_difference(_content(one), _content(other), suffix, tolerance)
    (found,) = first_differences(
        [(one, other)], beside=beside, tolerance=tolerance, is_here=is_here
    )
    if found and found[0].where == NOT_LOADED and found[0].left == found[0].right:
        return f"it cannot be loaded outside of the notebook ({found[0].left})"
    return (f"{found[0].where}: {found[0].left}", found[0].right) if found else None


def _content_difference(
    left: bytes, right: bytes, suffix: str, tolerance: Tolerance
) -> tuple[str, str] | str | None:
    one, other = _decoded(left), _decoded(right)
    if one is not None and other is not None:
        one, other = (clean(text, is_markup=suffix in _MARKUP) for text in (one, other))
        return None if same_texts(one, other, tolerance) else around(one, other)
    if left == right:
        return None  # what differs is the head of what is compressed
    if suffix in _UNLIKE:
        return "it does not have the same bytes, which equal files of its kind need not have"
    place = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    return f"{len(left)} bytes", f"{len(right)} bytes, the first other one at {place}"


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix.lower() == ".gz" else content


def _members(path: Path) -> list[tuple[str, int]]:
    with zipfile.ZipFile(path) as archive:
        return sorted(
            (member.filename, member.CRC)
            for member in archive.infolist()
            if not member.filename.startswith(_WITHOUT_CONTENT)
        )


def _decoded(content: bytes) -> str | None:
    if len(content) > _MOST_TEXT_BYTES or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
