"""What counts as the same output of a cell in two runs of the same code, and what differs first.

Only what two runs never have in common is left out: execution counts, timings, the time of day,
memory addresses, places of temporary files, counters inside HTML, progress bars, warnings of
libraries, and how an image is compressed.
"""

import base64
import io
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kernelpipe.api.tolerant_texts import Tolerance, same_texts

JSON = dict[str, Any]
Outputs = Sequence[Mapping[str, Any]]

_TEMPORARY = re.escape(os.path.realpath(tempfile.gettempdir()))
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REPLACED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"(?:\bat 0|\.\.\.)x[0-9a-fA-F]{6,}\b|\b0x[0-9a-fA-F]{11,16}\b"), "0x..."),
    (re.compile(r"(sk-(?:container|estimator)-id)-\d+"), r"\1-N"),
    (re.compile(r"\bT_[0-9a-f]{5}(?=[_ \"])"), "T_N"),
    (re.compile(r"(?m)^CPU times: .*\n?"), "CPU times: ...\n"),
    (re.compile(r"(?m)^Wall time: .*\n?"), "Wall time: ...\n"),
    (re.compile(r"(?m)^Compiler : .*\n?"), ""),
    (re.compile(r"(?m)^.* ± .* per loop \(.*\)$"), "... per loop"),
    (re.compile(r"(?m)^The slowest run took .*\n.*\n?"), ""),
    (re.compile(r"(?m)^\d+ loops?, best of .*$"), "... per loop"),
    (re.compile(rf"(?:/private)?{_TEMPORARY}/[^\s'\"<>:,)]+"), "<temporary>"),
    (re.compile(r"(?m)^Note: you may need to restart the kernel to use updated .*\n?"), ""),
    (re.compile(r"(?m)^Requirement already satisfied: .*\n?"), ""),
    (re.compile(r"<ipython-input-[^>]*>|Cell In\[\d+\]"), "<cell>"),
    # pandas counts the lookup tables that an index has made so far
    (re.compile(r"(?m)^memory usage: [\d.]+(\+?) (?:bytes|[KMGT]B)$"), r"memory usage: ...\1"),
)
_MARKUP_REPLACED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(_UUID), "<id>"),
    (re.compile(r"<dc:date>[^<]*</dc:date>"), ""),
    (re.compile(r"\b(?:m|p|image)[0-9a-f]{10}\b"), "<id>"),
)
"""What libraries draw at random inside HTML and SVG, where text would be data."""
_PROGRESS = re.compile(r"(?:^|(?<=[\r\n]))[^\r\n]*\d+%\|[^\r\n]*(?:[\r\n]|$)|\r")
_WARNING = re.compile(r"(?m)^\S.*:\d+: \w*Warning: .*\n(?:[ \t]+.*\n?)*")
_TRACEBACK_KEYS = ("output_type", "ename", "evalue")
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SHOWN: Final = 400
"""How many characters of an output are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """What a cell put out differs: ``what`` is "output 2 (image/png)", counted from one.

    ``plain`` and ``other`` are texts, cut around the first difference; "nothing" stands for an
    output that one of them lacks.
    """

    cell: int
    what: str
    plain: str
    other: str


def output_differences(
    plain: Mapping[int, Outputs],
    other: Mapping[int, Outputs],
    *,
    tolerance: Tolerance | None = None,
) -> list[OutputDifference]:
    """Return what differs first in each cell, in notebook order.

    Args:
        plain: Cell index -> outputs of the run from top to bottom.
        other: The same of the run that is compared with it; a cell that is missing there counts
            as one without outputs, since a step may leave out setup that it does not need.
        tolerance: What counts as the same text; None takes exactly the same only.
    """
    found = []
    for index in sorted(set(plain) | set(other)):
        difference = _first_of_cell(
            index, plain.get(index, ()), other.get(index, ()), tolerance or Tolerance()
        )
        if difference is not None:
            found.append(difference)
    return found


def stable_difference(
    cell: int, plain: Sequence[Outputs], other: Outputs, *, tolerance: Tolerance
) -> OutputDifference | None:
    """Return what differs first in what plain runs of a cell have in common, line by line.

    Args:
        cell: Its index.
        plain: What it put out in each plain run; if not as many outputs, they have nothing in
            common.
        other: What it put out in the run that is compared with them.
        tolerance: What counts as the same text.
    """
    runs = [normalise(each) for each in (*plain, other)]
    if len({len(each) for each in runs[:-1]}) > 1:
        return None
    first = [_lines(each) for each in runs[0]]
    again = [[_lines(each) for each in run] for run in runs[1:-1]]
    there = [_lines(each) for each in runs[-1]]
    for number, lines in enumerate(first):
        same = [run[number] for run in again]
        if any(len(each) != len(lines) for each in same):
            continue
        kept = [
            at
            for at, line in enumerate(lines)
            if all(_differ(line, each[at], tolerance) is None for each in same)
        ]
        for at in kept:
            found = there[number][at] if number < len(there) and at < len(there[number]) else None
            texts = ("line", _described(lines[at]), "nothing")
            difference = texts if found is None else _differ(lines[at], found, tolerance)
            if difference is not None:
                what = f"output {number + 1} ({_kind(lines[at])})"
                return OutputDifference(
                    cell=cell, what=what, plain=difference[1], other=difference[2]
                )
    return None


def _lines(output: JSON) -> list[JSON]:
    """Return a stream as one output per line, any other output as the only one."""
    if output["output_type"] != "stream":
        return [output]
    return [{**output, "text": line} for line in output["text"].splitlines()]


def normalise(outputs: Outputs) -> list[JSON]:
    """Return ``outputs`` without what two runs of the same code never have in common.

    Streams of one name that follow one another are one; stderr comes last, as the two are not
    ordered against each other.
    """
    found: list[JSON] = []
    errors = ""
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream" and output["name"] == "stderr":
            errors += _text(output["text"])
        elif kind == "stream":
            _add_stream(found, output["name"], _text(output["text"]))
        elif kind == "error":
            found.append({key: clean(str(output[key])) for key in _TRACEBACK_KEYS})
        elif kind in {"display_data", "execute_result"}:
            data = {mime: _normal_data(mime, value) for mime, value in output["data"].items()}
            found.append({"output_type": kind, "data": dict(sorted(data.items()))})
        else:
            found.append(dict(output))
    for output in found:
        if output["output_type"] == "stream":
            output["text"] = clean(output["text"])
    errors = _WARNING.sub("", _PROGRESS.sub("", clean(errors)))
    _add_stream(found, "stderr", errors)
    return [output for output in found if output.get("text") != ""]


def clean(text: str, *, is_markup: bool = False) -> str:
    """Return a text without colours, addresses, timings of magics and temporary paths.

    Of HTML and SVG what libraries draw at random inside it is left out, too.
    """
    for pattern, replacement in (*_REPLACED, *(_MARKUP_REPLACED if is_markup else ())):
        text = pattern.sub(replacement, text)
    return text


def outputs_of(notebook: JSON) -> dict[int, list[JSON]]:
    """Return cell index -> outputs of the code cells of an executed ``notebook`` that have any."""
    return {
        index: cell["outputs"]
        for index, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code" and cell["outputs"]
    }


def image_differences(left: bytes, right: bytes) -> tuple[str, str] | None:
    """Return what to tell about two images that do not show the same, None if they do."""
    one, other = _pixels(left), _pixels(right)
    if one == other:
        return None
    if isinstance(one, _Image) and isinstance(other, _Image):
        return one.compared_to(other)
    return "an image", "another one"


def _first_of_cell(
    index: int, plain: Outputs, other: Outputs, tolerance: Tolerance
) -> OutputDifference | None:
    if plain == other:
        return None
    expected, actual = normalise(plain), normalise(other)
    for number, (left, right) in enumerate(zip(expected, actual, strict=False), start=1):
        found = _differ(left, right, tolerance)
        if found is not None:
            part, one, two = found
            return OutputDifference(
                cell=index, what=f"output {number} ({part})", plain=one, other=two
            )
    if len(expected) == len(actual):
        return None
    number = min(len(expected), len(actual))
    longer = expected if len(expected) > len(actual) else actual
    extra = _described(longer[number])
    one, two = (extra, "nothing") if longer is expected else ("nothing", extra)
    kind = _kind(longer[number])
    return OutputDifference(cell=index, what=f"output {number + 1} ({kind})", plain=one, other=two)


def _differ(left: JSON, right: JSON, tolerance: Tolerance) -> tuple[str, str, str] | None:
    """Return the part of two outputs that differs, and the text of each; None if they agree."""
    if left == right:
        return None
    if _kind(left) != _kind(right) or left.get("data", {}).keys() != right.get("data", {}).keys():
        return "kind", _described(left), _described(right)
    if left["output_type"] == "error":
        one, other = (f"{each['ename']}: {each['evalue']}" for each in (left, right))
        return None if same_texts(one, other, tolerance) else ("error", *around(one, other))
    if left["output_type"] == "stream":
        one, other = left["text"], right["text"]
        return None if same_texts(one, other, tolerance) else (left["name"], *around(one, other))
    for mime in left.get("data", ()):
        found = _differ_in_data(left["data"][mime], right["data"][mime], tolerance)
        if found is not None:
            return (mime, *found)
    return None if "data" in left else ("output", *around(repr(left), repr(right)))


def _differ_in_data(left: Any, right: Any, tolerance: Tolerance) -> tuple[str, str] | None:
    if left == right:
        return None
    if isinstance(left, _Image) and isinstance(right, _Image):
        return left.compared_to(right)
    one, other = (
        value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for value in (left, right)
    )
    return None if same_texts(one, other, tolerance) else around(one, other)


@dataclass(frozen=True)
class _Image:
    """An image: its size in pixels and its content as RGBA."""

    size: tuple[int, int]
    pixels: bytes

    def __str__(self) -> str:
        return f"an image of {self.size[0]} x {self.size[1]} pixels"

    def compared_to(self, other: "_Image") -> tuple[str, str]:
        """Return what to tell about this one and about the other one, which is different."""
        if self.size != other.size:
            return str(self), str(other)
        pairs = zip(*(memoryview(each.pixels).cast("I") for each in (self, other)), strict=True)
        count = sum(one != two for one, two in pairs)
        total = self.size[0] * self.size[1]
        return str(self), f"one with {count} of {total} pixels different"


def _kind(output: JSON) -> str:
    kind: str = output["output_type"]
    return output["name"] if kind == "stream" else kind


def _described(output: JSON) -> str:
    if output["output_type"] == "stream":
        return _cut(output["text"])
    if output["output_type"] == "error":
        return _cut(f"{output['ename']}: {output['evalue']}")
    data = output.get("data", {})
    text = data.get("text/plain", next(iter(data.values()), output))
    return _cut(f"{text}" + f" ({', '.join(data)})" * (len(data) > 1))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def around(left: str, right: str) -> tuple[str, str]:
    """Return two texts, of long ones the line where they differ first with those beside it."""
    if max(len(left), len(right)) <= _SHOWN:
        return left, right
    start = next(
        (i for i, (one, other) in enumerate(zip(left, right, strict=False)) if one != other),
        min(len(left), len(right)),
    )
    begin = max(0, left.rfind("\n", 0, start) + 1, start - _SHOWN // 2)
    one, other = ("..." * (begin > 0) + _cut(text[begin:]) for text in (left, right))
    return one, other


def _add_stream(found: list[JSON], name: str, text: str) -> None:
    """Append ``text`` to the stream before it if that has the same name, as frontends do."""
    if found and found[-1].get("output_type") == "stream" and found[-1]["name"] == name:
        found[-1]["text"] += text
    else:
        found.append({"output_type": "stream", "name": name, "text": text})


def _text(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _normal_data(mime: str, value: Any) -> Any:
    if mime in _IMAGES:
        return _pixels(base64.b64decode(_text(value)))
    if isinstance(value, str | list) and not mime.endswith("json"):
        return clean(_text(value), is_markup=mime != "text/plain")
    return value


def _pixels(content: bytes) -> "_Image | str":
    """Return the size and content of an image, or its bytes as text where pillow is missing."""
    try:
        from PIL import Image  # noqa: PLC0415 - comes with matplotlib, and is slow to load
    except ImportError:
        return base64.b64encode(content).decode()
    with Image.open(io.BytesIO(content)) as image:
        return _Image(image.size, image.convert("RGBA").tobytes())
