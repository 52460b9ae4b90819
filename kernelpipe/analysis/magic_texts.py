"""The names that IPython puts into the texts of magics and shell lines before they run."""

import ast
import re
from string import Formatter

from kernelpipe.analysis.core import Core
from kernelpipe.analysis.texts import constant_of, given_of

_DOLLAR = re.compile(r"\$(?!\$)([A-Za-z_]\w*)")
_EXPANDED = re.compile(r"\{([A-Za-z_]\w*)\}|\$(?!\$)\{?([A-Za-z_]\w*)\}?")
_FIELD = re.compile(r"\{[^{}]*\}")


class MagicTexts(Core):
    """Reads texts with ``$name`` and ``{expression}``."""

    def _read_text(self, text: str) -> None:
        """Read the names in ``{expression}`` and ``$name``, as IPython expands them.

        A name that nothing binds visibly is read, too: code that cannot be seen through may have.
        """
        self.uncertain += 1
        for name in _DOLLAR.findall(text):
            self._read_quietly_code(name)
        for expression in _fields(text):
            tree = _parsed(expression)
            if tree is not None:
                self.evaluate(tree)
        self.uncertain -= 1

    def _mentioned(self, text: str) -> bool:
        """Tell whether a text has ``$name`` or ``{expression}`` that IPython may expand."""
        names = set(_DOLLAR.findall(text))
        for expression in _fields(text):
            tree = _parsed(expression)
            names |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} if tree else set()
        return any(self._exists(name) for name in names)

    def _read_quietly_code(self, name: str) -> None:
        tree = _parsed(name)
        if tree is not None:
            self.uncertain += 1
            self.use(self.evaluate(tree))
            self.uncertain -= 1

    def _expanded(self, text: str) -> str:
        """Return ``text`` with the texts that IPython puts into it, "*" for unknown ones."""

        def found(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            known = constant_of(self.load(name)) if self._exists(name) else None
            return known if isinstance(known, str) and not given_of(known) else "*"

        return _FIELD.sub("*", _EXPANDED.sub(found, text))

    def _exists(self, name: str) -> bool:
        return (
            name in self.world.names
            or name in self.scope.flow.bound
            or name in self.world.builtins
            or self.in_function
        )


def _fields(text: str) -> list[str]:
    try:
        return [field for _, field, _, _ in Formatter().parse(text) if field]
    except ValueError:
        return []


def _parsed(expression: str) -> ast.expr | None:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
