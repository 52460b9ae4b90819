"""Text as programs write it to terminals, as HTML: colours, overwritten lines."""

import re

from kernelpipe.api.reporting.markup import Html, escape, join, tag

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]*)m"  # a style
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other command
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[@-Z\\^_=>]?"
)
_STYLES = {1: "bold", 3: "italic", 4: "underline"}
_STYLES_OFF = {22: "bold", 23: "italic", 24: "underline"}
_CUBE = (0, 95, 135, 175, 215, 255)
_BASIC, _FIRST_GREY = 16, 232


def terminal_html(text: str) -> Html:
    """Return what a terminal would show."""
    parts: list[Html] = []
    style = _Style()
    position = 0
    text = overwritten(text)
    for found in _SEQUENCE.finditer(text):
        parts.append(style.wrap(text[position : found.start()]))
        position = found.end()
        if found[1] is not None:
            style.apply([int(code or 0) for code in re.split("[;:]", found[1])])
    parts.append(style.wrap(text[position:]))
    return join(parts)


def overwritten(text: str) -> str:
    """Return ``text`` as it looks when carriage returns have done their work."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


class _Style:
    """What holds for the text that follows; colours are CSS classes or RGB values."""

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._colours: dict[str, str] = {}

    def wrap(self, text: str) -> Html:
        if not text or not (self._on or self._colours):
            return escape(text)
        classes = sorted(self._on)
        inline = []
        for ground, colour in sorted(self._colours.items()):
            if colour.startswith("rgb"):
                inline.append(f"{'color' if ground == 'fg' else 'background'}:{colour}")
            else:
                classes.append(f"{ground}-{colour}")
        return tag("span", text, class_=" ".join(classes) or None, style=";".join(inline) or None)

    def apply(self, codes: list[int]) -> None:
        while codes:
            code = codes.pop(0)
            if code == 0:
                self._on.clear()
                self._colours.clear()
            elif code in _STYLES:
                self._on.add(_STYLES[code])
            elif code in _STYLES_OFF:
                self._on.discard(_STYLES_OFF[code])
            else:
                self._apply_colour(code, codes)

    def _apply_colour(self, code: int, codes: list[int]) -> None:
        ground = "bg" if code // 10 in {4, 10} else "fg"
        if code in {38, 48}:
            colour = _extended(codes)
            if colour is not None:
                self._colours[ground] = colour
        elif code in {39, 49}:
            self._colours.pop(ground, None)
        elif code // 10 in {3, 4} and code % 10 < 8:  # noqa: PLR2004 - eight colours
            self._colours[ground] = str(code % 10)
        elif code // 10 in {9, 10} and code % 10 < 8:  # noqa: PLR2004 - and their bright ones
            self._colours[ground] = str(8 + code % 10)


def _extended(codes: list[int]) -> str | None:
    """Take a colour of 256 or of all from the codes."""
    kind = codes.pop(0) if codes else None
    if kind == 5 and codes:  # noqa: PLR2004 - the standard's number
        return _of_256(codes.pop(0))
    if kind == 2 and len(codes) >= 3:  # noqa: PLR2004 - likewise
        red, green, blue = (min(255, codes.pop(0)) for _ in range(3))
        return f"rgb({red},{green},{blue})"
    return None


def _of_256(index: int) -> str | None:
    if index < _BASIC:
        return str(index)
    if index < _FIRST_GREY:
        cube = index - _BASIC
        red, green, blue = _CUBE[cube // 36], _CUBE[cube // 6 % 6], _CUBE[cube % 6]
        return f"rgb({red},{green},{blue})"
    if index <= 255:  # noqa: PLR2004 - the last of them
        grey = 8 + 10 * (index - _FIRST_GREY)
        return f"rgb({grey},{grey},{grey})"
    return None
