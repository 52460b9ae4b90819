"""HTML as text that is escaped by construction."""

import html
import re
from collections.abc import Iterable

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_EMPTY_TAGS = frozenset({"br", "hr", "img", "meta", "input"})


class Html(str):
    """Text that is HTML already; every other text is escaped where it becomes part of some."""

    __slots__ = ()


def escape(text: str) -> Html:
    """Return ``text`` as HTML; characters that HTML cannot hold are replaced."""
    whole = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    return Html(html.escape(_CONTROL.sub("\ufffd", whole.replace("\r", "\n"))))


def tag(name: str, /, *children: str, **attributes: str | float | bool | None) -> Html:
    """Return an element.

    Args:
        name: Of the element.
        children: Escaped unless they are Html.
        attributes: A trailing underscore is dropped and others become hyphens; None and False
            leave an attribute out, True gives it no value.
    """
    texts = [name]
    for key, value in attributes.items():
        word = key.rstrip("_").replace("_", "-")
        if value is True:
            texts.append(word)
        elif value is not None and value is not False:
            texts.append(f'{word}="{escape(str(value))}"')
    opening = f"<{' '.join(texts)}>"
    if name in _EMPTY_TAGS:
        return Html(opening)
    return Html(f"{opening}{join(children)}</{name}>")


def join(parts: Iterable[str], separator: str = "") -> Html:
    """Return the parts one after the other, escaped unless they are Html."""
    return Html(separator.join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(titles: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str) -> Html:
    """Return a table whose first column names the rows; ``caption`` is for screen readers."""
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [
        tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", inner, class_="scroll")
