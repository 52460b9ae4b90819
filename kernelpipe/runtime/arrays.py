"""Reduces numpy arrays so that memory layout and shared memory survive a pickle."""

import itertools
from collections.abc import Sequence
from typing import Any


class Views:
    """Which arrays of one pickle look at the same memory.

    ``via_root`` are ids of the arrays that own memory of which several arrays show parts; these
    are stored once and the others as views of them.
    """

    def __init__(self, via_root: set[int]) -> None:
        self.via_root = via_root
        self._seen: dict[int, list[Any]] = {}
        self._blocks: dict[int, list[Any]] = {}

    def note(self, array: Any) -> None:
        """Remember an array that is being pickled."""
        self._seen.setdefault(id(root_of(array)), []).append(array)

    def note_block(self, values: Any) -> None:
        """Remember an array that a pandas object holds.

        Where pandas copies on write it counts itself who else sees the memory, and that count does
        not survive a pickle: two pandas objects may then not share memory.
        """
        if hasattr(values, "strides") and _copies_on_write():
            self._blocks.setdefault(id(root_of(values)), []).append(values)

    def shared_roots(self) -> set[int]:
        """Return ids of the owners of memory that several arrays show."""
        return {
            root
            for root, arrays in self._seen.items()
            if len(arrays) > 1
            and len(self._blocks.get(root, ())) <= 1
            and _some_overlap(arrays)
            and _is_plain(root_of(arrays[0]))
        }


def _copies_on_write() -> bool:
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3 or pd.options.mode.copy_on_write is True  # noqa: PLR2004


def root_of(array: Any) -> Any:
    """Return the exact ndarray at the end of an array's chain of bases."""
    kind = type(array)
    while array.base is not None:
        base = array.base
        while base is not None and type(base) is not kind:
            base = getattr(base, "base", None)  # ``as_strided`` and masks put theirs in between
        if base is None:
            break
        array = base
    return array


def _is_plain(root: Any) -> bool:
    flags = root.flags
    return bool(flags.c_contiguous or flags.f_contiguous)


def _some_overlap(arrays: Sequence[Any]) -> bool:
    bounds = sorted(_bounds(array) for array in arrays if array.size)
    return any(left[1] > right[0] for left, right in itertools.pairwise(bounds))


def _bounds(array: Any) -> tuple[int, int]:
    """Return the first address of an array's elements and the one after the last."""
    low = high = array.__array_interface__["data"][0]
    for length, stride in zip(array.shape, array.strides, strict=True):
        step = stride * (length - 1)
        low, high = (low + step, high) if step < 0 else (low, high + step)
    return low, high + array.itemsize


def reduce(array: Any, views: Views) -> Any:
    """Return what stands for an exact ndarray in a pickle; NotImplemented leaves it to numpy."""
    views.note(array)
    root = root_of(array)
    if id(root) in views.via_root:
        return NotImplemented if root is array else _as_view(array, root)
    flags = array.flags
    if flags.c_contiguous or flags.f_contiguous or array.dtype.hasobject or not array.size:
        return NotImplemented
    return _as_compact(array)


def _as_view(array: Any, root: Any) -> Any:
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    layout = (start, array.shape, array.strides)
    return (make_view, (root, array.dtype, layout, bool(array.flags.writeable)))


def make_view(root: Any, dtype: Any, layout: tuple[Any, ...], is_writable: bool) -> Any:  # noqa: FBT001
    """Return an array that shows part of ``root``.

    Args:
        root: A contiguous array.
        dtype: Of the view.
        layout: Offset in bytes, shape, strides in bytes.
        is_writable: Whether the view can be written to.
    """
    import numpy as np

    start, shape, strides = layout
    flat = root.reshape(-1, order="A")
    if dtype.hasobject:
        part = flat[start // root.itemsize :]
        made = np.lib.stride_tricks.as_strided(part, shape, strides, writeable=is_writable)
    else:
        made = np.ndarray(shape, dtype, flat, start, strides)
    if not is_writable:
        made.flags.writeable = False
    return made


def _as_compact(array: Any) -> Any:
    """Reduce an array with gaps to one whose loops run alike, without what is in the gaps."""
    import numpy as np

    low, high = _bounds(array)
    if high - low < array.nbytes:  # windows that overlap
        strides, size = array.strides, high - low
    else:
        strides, size = _compact_strides(array.shape, array.strides, array.itemsize)
    start = sum(-s * (n - 1) for s, n in zip(strides, array.shape, strict=True) if s < 0)
    memory = np.zeros(size, np.uint8)
    np.ndarray(array.shape, array.dtype, memory, start, strides)[...] = array
    layout = (start, array.shape, strides)
    return (make_view, (memory, array.dtype, layout, bool(array.flags.writeable)))


def _compact_strides(
    shape: Sequence[int], strides: Sequence[int], itemsize: int
) -> tuple[tuple[int, ...], int]:
    """Return strides of the same order, signs and coalescing as ``strides``, and the bytes needed.

    Results of numpy depend on these in the last bit: dimensions that fit together are one loop,
    and a dense innermost loop may use other instructions than one with gaps.
    """
    made = [0] * len(shape)
    reach = itemsize  # bytes that the dimensions so far cover
    dense = itemsize  # the stride at which the next dimension would fit together with them
    order = sorted(
        (axis for axis in range(len(shape)) if shape[axis] > 1 and strides[axis]),
        key=lambda axis: abs(strides[axis]),
    )
    for axis in order:
        is_dense = abs(strides[axis]) == dense
        step = reach if is_dense else reach + itemsize
        made[axis] = step if strides[axis] > 0 else -step
        dense = abs(strides[axis]) * shape[axis]
        reach = step * shape[axis]
    size = itemsize + sum(abs(s) * (n - 1) for s, n in zip(made, shape, strict=True))
    return tuple(made), size
