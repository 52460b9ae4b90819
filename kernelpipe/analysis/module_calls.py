"""Uses of names that modules beside the notebook define."""

from kernelpipe.analysis.heap import Kind, Obj, Value, new
from kernelpipe.analysis.known_methods import is_pure_method
from kernelpipe.analysis.own_modules import NameFacts, OwnModule, find, path_of
from kernelpipe.analysis.summaries import Argument, FileUse
from kernelpipe.analysis.unknown_calls import UnknownCalls, all_values


class ModuleCalls(UnknownCalls):
    """Records what such names do when they are used."""

    def import_value(self, kind: Kind, dotted: str) -> Value:
        """Return what an import of ``dotted`` binds."""
        made = new(kind, dotted=dotted)
        known = self.world.own_modules
        made.constant = known.get(dotted) or known.get(f"{dotted.rpartition('.')[0]}.*")
        made.has_code = made.constant is not None
        return frozenset({made})

    def _found(self, o: Obj) -> tuple[str, str, NameFacts] | None:
        if not isinstance(o.constant, OwnModule) or o.dotted is None:
            return None
        return find(o.constant, o.dotted, type(self), self.world.builtins)

    def use_module(self, o: Obj) -> None:
        """Account for what comes from a module: it is read, and may be called if it is code."""
        found = self._found(o)
        if found is not None and isinstance(o.constant, OwnModule):
            for source in o.constant.sources:
                self.effects.files.add(
                    FileUse(path=path_of(source), is_write=False, is_import=True)
                )
            effects, facts = self.effects, found[2]
            effects.module_reads |= facts.reads
            effects.module_changes |= facts.changes
            effects.states.extend(facts.states)
            effects.files |= facts.files
            effects.foreign_stores.extend(facts.foreign_stores)

    def change_in_module(self, o: Obj) -> None:
        """Account for a change of ``o``, if it is data of a module beside the notebook."""
        found = self._found(o) if o.constant is not None else None
        if found is not None and o.kind is Kind.IMPORTED and not found[2].is_code:
            self.effects.module_changes.add(f"{found[0]}.{found[1]}")

    def stores_in_module(self, o: Obj, attribute: str | None) -> bool:
        """Tell whether ``o`` comes from beside the notebook; if so, account for a store into it."""
        if not isinstance(o.constant, OwnModule):
            return False
        found = self._found(o)
        if found is not None:
            self.effects.module_changes.add(f"{found[0]}.{found[1]}")
        else:
            self.effects.module_changes.add(f"{o.dotted}.{attribute}")
        return True

    def call_module(self, o: Obj, arguments: tuple[Argument, ...]) -> Value | None:
        """Call what comes from a module, None if it is not known there."""
        found = self._found(o)
        if found is None:
            return None
        module, name, facts = found
        self.use_module(o)
        is_method = o.dotted != f"{module}.{name}"
        if is_method and not is_pure_method((o.dotted or "").rpartition(".")[2]):
            self.change_in_module(o)
        self.effects.cached_calls |= facts.cached
        if facts.changes_arguments or is_method:
            value = self.call_unknown((), arguments)
        else:
            values = all_values(arguments)
            self.consume(values)
            value = frozenset({new(Kind.UNKNOWN, values)})
        for each in value if facts.is_code else ():
            each.dotted, each.constant = o.dotted, o.constant
        given = (
            new(Kind.IMPORTED, dotted=each, constant=o.constant) for each in sorted(facts.gives)
        )
        return value | frozenset(given)
