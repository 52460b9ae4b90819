"""Globals that code reaches by their texts, as in ``globals()["name"]``."""

import ast

from kernelpipe.analysis.core import Core
from kernelpipe.analysis.heap import Value
from kernelpipe.analysis.texts import constant_of

NAMESPACES = frozenset("f_globals f_locals __globals__".split())
"""Attributes of frames and functions that are a namespace, most often the notebook's."""


def may_be_main(base: Value, index: Value) -> bool:
    """Tell whether an item of ``base`` may be the module that the notebook's names live in."""
    is_modules = any(o.dotted == "sys.modules" for o in base)
    return is_modules and constant_of(index) in (None, "__main__")


class GlobalTexts(Core):
    """Reads and binds names that code gives as texts."""

    def global_text(self, owner: ast.expr, key: ast.expr) -> str | None:
        """Return the name in ``globals()["name"]``, None for any other expression."""
        is_globals = (
            isinstance(owner, ast.Call)
            and not owner.args
            and isinstance(owner.func, ast.Name)
            and owner.func.id in (("globals",) if self.in_function else ("globals", "locals"))
            and owner.func.id not in self.world.rebound
        )
        text = key.value if isinstance(key, ast.Constant) else None
        return text if is_globals and isinstance(text, str) else None

    def load_by_text(self, name: str) -> Value:
        """Return what the global ``name`` may be, which may not be there."""
        self.uncertain += 1
        value = self.load_global(name)
        self.uncertain -= 1
        self.use(value)
        return value
