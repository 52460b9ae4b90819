"""HTML that a notebook put out, without anything that runs, loads or reaches out of its place."""

import re
from html.parser import HTMLParser

from kernelpipe.api.reporting.markup import Html, escape, join, tag

_KEPT = frozenset(
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure"
    " h1 h2 h3 h4 h5 h6 hr i img ins kbd label li mark ol p pre q s samp small span strong sub"
    " summary sup table tbody td tfoot th thead tr tt u ul var wbr".split()
)
_EMPTY = frozenset({"br", "col", "hr", "img", "wbr"})
_DROPPED_WHOLE = frozenset(
    "applet audio canvas iframe frameset math noembed noframes noscript object script"
    " select style svg template textarea title video xmp".split()
)
_ATTRIBUTES = frozenset("alt colspan dir height lang rowspan scope span title width".split())
_FRAME_ATTRIBUTES = _ATTRIBUTES | {"class", "id", "for", "style"}
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
_REACHES_OUT = re.compile(
    r"@import|//|\\|<|\b(?:url|src|image|image-set|expression)\s*\(", re.IGNORECASE
)


class Sanitised:
    """What is left of some HTML: ``html``, and what was lost."""

    def __init__(self, source: str, *, is_framed: bool = False) -> None:
        """Read ``source``.

        Args:
            source: HTML of any quality.
            is_framed: It will stand in a frame of its own, so that its styles may stay.
        """
        parser = _Sanitiser(is_framed=is_framed)
        parser.feed(source)
        parser.close()
        parser.close_all()
        self.html = join(parser.parts)
        self.has_lost_scripts = parser.has_lost_scripts
        self.has_styles = parser.has_styles
        self.is_visible = parser.is_visible


class _Sanitiser(HTMLParser):
    """Keeps the elements that only show something; what it writes is balanced."""

    def __init__(self, *, is_framed: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[Html] = []
        self.has_lost_scripts = False
        self.has_styles = False
        self.is_visible = False
        self._is_framed = is_framed
        self._open: list[str] = []
        self._dropping: list[str] = []
        self._styles: list[str] = []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write a start tag, or begin to leave out."""
        self.has_lost_scripts |= name == "script" or any(key.startswith("on") for key, _ in attrs)
        if name in _DROPPED_WHOLE:
            self.has_styles |= name == "style"
            self._dropping.append(name)
        elif name in _KEPT and not self._dropping:
            kept = {key: value for key, value in attrs if self._is_kept(name, key, value or "")}
            if name == "img":
                if "src" not in kept:
                    return
                self.is_visible = True
            if name == "a":
                kept["rel"] = "noopener noreferrer"
            self.parts.append(_opening(name, kept))
            if name not in _EMPTY:
                self._open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take ``<script/>`` for what it is, a start tag, except where nothing can follow."""
        self.handle_starttag(name, attrs)
        if name in self._dropping and name in {"svg", "math"}:
            self._dropping.remove(name)

    def handle_endtag(self, name: str) -> None:
        """Write the end tags of what is open up to ``name``; others are left out."""
        if name in self._dropping:
            self._end_dropping(name)
        elif name in self._open and not self._dropping:
            while True:
                last = self._open.pop()
                self.parts.append(Html(f"</{last}>"))
                if last == name:
                    break

    def handle_data(self, data: str) -> None:
        """Write text, escaped."""
        if not self._dropping:
            self.is_visible |= bool(data.strip())
            self.parts.append(escape(data))
        elif self._dropping[-1] == "style" and self._is_framed:
            self._styles.append(data)

    def close_all(self) -> None:
        """Write the end tags of all that is still open."""
        self.parts += [Html(f"</{name}>") for name in reversed(self._open)]
        self._open.clear()

    def _end_dropping(self, name: str) -> None:
        while self._dropping and self._dropping.pop() != name:
            pass
        text = "".join(self._styles)
        self._styles.clear()
        if name == "style" and text and not _REACHES_OUT.search(text):
            self.parts.append(Html(f"<style>{text}</style>"))

    def _is_kept(self, name: str, key: str, value: str) -> bool:
        if key == "href":
            return name == "a" and bool(_LINK.match(value))
        if key == "src":
            return name == "img" and bool(_IMAGE.match(value))
        if key == "style" and _REACHES_OUT.search(value):
            return False
        return key in (_FRAME_ATTRIBUTES if self._is_framed else _ATTRIBUTES)


def _opening(name: str, attributes: dict[str, str | None]) -> Html:
    texts = [name, *(f'{key}="{escape(value or "")}"' for key, value in attributes.items())]
    return Html(f"<{' '.join(texts)}>")


def embed(source: str, *, title: str) -> tuple[Html, bool]:
    """Return HTML of a notebook as part of a page, and whether scripts were left out of it.

    What brings styles of its own gets a frame without any rights; everything else stands in the
    page. The HTML is "" if nothing is left to see.
    """
    plain = Sanitised(source)
    if not plain.is_visible:
        return Html(""), plain.has_lost_scripts
    if plain.has_styles:
        framed = Sanitised(source, is_framed=True)
        frame = tag("iframe", sandbox="", srcdoc=framed.html, title=title, loading="lazy")
        return frame, plain.has_lost_scripts
    return tag("div", plain.html, class_="html scroll"), plain.has_lost_scripts
