"""From the history of names to what each step takes from which other step."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kernelpipe.analysis.heap import Obj, Value, holders, reach
from kernelpipe.analysis.history import Event, History, Read, Version
from kernelpipe.analysis.names import is_history
from kernelpipe.analysis.placement import PlacedCell
from kernelpipe.model.names import StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a step takes a name from: the producer, and the version (-1: bound by code unseen)."""

    producer: StepName
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoVersions:
    """A re-opened step would need two versions of a name."""

    step: StepName
    name: str
    placed: PlacedCell


@dataclass(slots=True)
class Links:
    """The result of linking; names of hidden state begin with "@"."""

    sources: dict[tuple[StepName, str], Source] = field(default_factory=dict)
    outputs: dict[StepName, dict[str, int]] = field(default_factory=dict)
    """Step -> name it hands on -> index of the cell that last made it."""
    setup_uses: dict[StepName, dict[str, int]] = field(default_factory=dict)
    """Step -> name it takes from its own setup -> version."""
    removed: dict[StepName, set[str]] = field(default_factory=dict)
    undefined: list[Read] = field(default_factory=list)
    deleted: list[Read] = field(default_factory=list)
    two_versions: list[TwoVersions] = field(default_factory=list)
    from_steps: list[Read] = field(default_factory=list)
    """Reads by setup cells of what a step made."""


class Linker:
    """Links reads to versions, and names that share objects to one producer."""

    def __init__(self, history: History, cells: tuple[PlacedCell, ...]) -> None:
        self.history = history
        self.links = Links()
        self._needed: set[tuple[StepName, str, int]] = set()
        self._loaded: dict[StepName, set[str]] = {}
        """Step -> the names that it has a source for."""
        self._exports: dict[tuple[StepName, str], int] | None = None
        """(Producer, name) -> the version that its first consumer takes; None until it is asked."""
        self._reach: dict[tuple[str, int], set[Obj]] = {}
        self._seen_apart: set[Obj] | None = None
        """What leads to an object that is changed or compared; None until it is asked."""
        self._remade: dict[str, dict[StepName | None, int]] = {}
        """Name -> who makes it -> the last version that it makes."""
        self._setup_versions: dict[str, list[int]] = {}
        """Name -> its versions that setup makes."""
        self.first: dict[StepName, int] = {}
        self.last: dict[StepName, int] = {}
        self._cells_of: dict[StepName, list[PlacedCell]] = {}
        for placed in cells:
            if placed.step is not None:
                self.first.setdefault(placed.step, placed.position)
                self.last[placed.step] = placed.position
                self._cells_of.setdefault(placed.step, []).append(placed)

    def link(self) -> Links:
        """Return the links of the whole notebook."""
        for read in self.history.reads:
            self._link_read(read)
        while self._unite_sharing():
            pass
        self._check_reopened_producers()
        return self.links

    # -- reads -----------------------------------------------------------------------------------
    def _link_read(self, read: Read) -> None:
        step = read.placed.step
        if read.version < 0:
            self._link_unseen(read)
            return
        version = self.history.versions[read.name][read.version]
        if version.event is Event.DELETE:
            self._link_deleted(read, version)
        elif step is None:
            if version.owner is not None:
                self.links.from_steps.append(read)
        elif version.event is not Event.BIND or version.owner != step:
            self.need(step, read.name, read.version, read.placed)

    def _link_unseen(self, read: Read) -> None:
        """Link a name that no code binds visibly: to code that may have bound anything."""
        binders = [b for b in self.history.unknown_binders if b.position <= read.placed.position]
        if not binders or (is_history(read.name) and read.place.is_written):
            self.links.undefined.append(read)
        elif read.placed.step is None:
            if any(b.step is not None for b in binders):
                self.links.from_steps.append(read)
        else:
            self._need_unseen(read.placed.step, read.name, binders)

    def _need_unseen(self, step: StepName, name: str, binders: list[PlacedCell]) -> None:
        """Take ``name`` from the latest of ``binders``, which may have it from one before."""
        others = [b for b in binders if b.step not in (None, step)]
        if not others:
            return
        latest = others[-1]
        if latest.step is None or (step, name) in self.links.sources:
            return
        self._set_source(step, name, Source(producer=latest.step, version=-1))
        self._outputs(latest.step)[name] = latest.cell.index
        before = [b for b in binders if b.position < latest.position and b.step != step]
        self._need_unseen(latest.step, name, before)

    def _link_deleted(self, read: Read, version: Version) -> None:
        if read.place.is_certain:
            self.links.deleted.append(read)
        elif read.placed.step is not None and version.owner != read.placed.step:
            self.links.removed.setdefault(read.placed.step, set()).add(read.name)

    def need(self, step: StepName, name: str, version: int, placed: PlacedCell) -> None:
        """Record that ``step`` needs ``name`` as it is in ``version`` or before its own changes."""
        versions = self.history.versions[name]
        while version >= 0 and versions[version].owner == step:
            if versions[version].event is Event.BIND:
                return
            version -= 1
        if version < 0 or (step, name, version) in self._needed:
            return
        self._needed.add((step, name, version))
        found = versions[version]
        if found.event is Event.DELETE:
            if found.owner is not None:
                self.links.removed.setdefault(step, set()).add(name)
            return
        if found.owner is None:
            self._need_setup(step, name, version, placed)
            return
        known = self.links.sources.get((step, name))
        if known is not None and known.version != version:
            self.links.two_versions.append(TwoVersions(step=step, name=name, placed=placed))
            return
        if name in self.links.setup_uses.get(step, {}):
            self.links.two_versions.append(TwoVersions(step=step, name=name, placed=placed))
        self._take(step, name, version, found.owner)

    def _take(self, step: StepName, name: str, version: int, producer: StepName) -> None:
        self._set_source(step, name, Source(producer=producer, version=version))
        found = self.history.versions[name][version]
        cell = found.placed.cell.index if found.owner == producer else self._last_cell(producer)
        self._outputs(producer)[name] = cell
        if found.owner != producer:
            self.need(producer, name, version, found.placed)
        elif found.event is not Event.BIND:
            self.need(producer, name, version - 1, found.placed)

    def _need_setup(self, step: StepName, name: str, version: int, placed: PlacedCell) -> None:
        uses = self.links.setup_uses.setdefault(step, {})
        uses[name] = version
        versions = self.history.versions[name]
        later = self._setup_version_after(name, version)
        is_bound_later = later is not None and versions[later].placed.position < self.last[step]
        if is_bound_later or (step, name) in self.links.sources:
            self.links.two_versions.append(TwoVersions(step=step, name=name, placed=placed))

    def _setup_version_after(self, name: str, version: int) -> int | None:
        """Return the next version of ``name`` that setup makes."""
        if name not in self._setup_versions:
            versions = self.history.versions[name]
            own = [number for number, v in enumerate(versions) if v.owner is None]
            self._setup_versions[name] = own
        own = self._setup_versions[name]
        place = bisect_right(own, version)
        return own[place] if place < len(own) else None

    def _set_source(self, step: StepName, name: str, source: Source) -> None:
        self.links.sources[step, name] = source
        self._exports = None
        self._loaded.setdefault(step, set()).add(name)

    def _outputs(self, step: StepName) -> dict[str, int]:
        return self.links.outputs.setdefault(step, {})

    def _last_cell(self, step: StepName) -> int:
        own = [p for p in self._cells_of[step] if not p.is_test]
        return (own or self._cells_of[step])[-1].cell.index

    # -- sharing ---------------------------------------------------------------------------------
    def _unite_sharing(self) -> bool:
        """Take names that share an object which is changed later from one producer.

        Copies of one object that arrive in different files would drift apart. The latest of the
        producers has all of them in its namespace if it loads the others, so it hands them on.
        """
        is_changed = False
        for step in sorted(self.first, key=lambda s: -self.first[s]):
            for names in self._shared_names(step):
                is_changed = self._take_together(step, names) or is_changed
        return is_changed

    def _shared_names(self, step: StepName) -> Iterator[set[str]]:
        holders: dict[Obj, set[str]] = {}
        taken = self._taken(step)
        for name in taken if len(taken) > 1 else ():
            for o in self._live_objects(name, self._version_of(step, name), self.first[step]):
                holders.setdefault(o, set()).add(name)
        for names in holders.values():
            if len(names) > 1 and len({self._producer(step, n) for n in names}) > 1:
                yield names

    def _taken(self, step: StepName) -> list[str]:
        return sorted({*self._loaded.get(step, ()), *self.links.setup_uses.get(step, ())})

    def _version_of(self, step: StepName, name: str) -> int:
        source = self.links.sources.get((step, name))
        return source.version if source else self.links.setup_uses[step][name]

    def _producer(self, step: StepName, name: str) -> StepName | None:
        source = self.links.sources.get((step, name))
        return source.producer if source else None

    def _live_objects(self, name: str, version: int, position: int) -> Iterator[Obj]:
        """Yield the objects of a version that are changed or compared at ``position`` or later.

        Those that are found by their identity count as compared everywhere.
        """
        if version < 0 or name not in self.history.versions:
            return
        if (name, version) not in self._reach:
            value = self.history.versions[name][version].value
            self._reach[name, version] = self._reach_apart(value)
        for o in self._reach[name, version]:
            if o.has_identity or self.history.touched.get(o, -1) >= position:
                yield o

    def _reach_apart(self, value: Value) -> set[Obj]:
        """Return what can be reached from ``value`` and leads to what is changed or compared."""
        if self._seen_apart is None:
            versions = self.history.versions.values()
            everything = reach((o for each in versions for v in each for o in v.value), kept=True)
            touched = self.history.touched
            self._seen_apart = holders(o for o in everything if o.has_identity or o in touched)
        return reach(value, kept=True, among=self._seen_apart)

    def _take_together(self, step: StepName, names: Iterable[str]) -> bool:
        producers = {p for n in names if (p := self._producer(step, n)) is not None}
        latest = max(producers, key=lambda p: self.last[p])
        is_changed = False
        for name in sorted(names):
            if self._producer(step, name) != latest:
                version = self._version_of(step, name)
                self.links.setup_uses.get(step, {}).pop(name, None)
                self._take(step, name, version, latest)
                is_changed = True
        return is_changed

    def groups(self, step: StepName) -> list[list[str]]:
        """Return the names that ``step`` hands on, those together that may share an object.

        Only objects that a later step changes or compares by identity make names belong
        together: nobody can tell the others from copies.
        """
        names = sorted(self.links.outputs.get(step, {}))
        if len(names) <= 1:
            return [names] if names else []
        parent = {name: name for name in names}

        def root(name: str) -> str:
            while parent[name] != name:
                name = parent[name]
            return name

        holders: dict[Obj, str] = {}
        for name in names:
            for o in self._live_objects(name, self._exported(step, name), self.last[step] + 1):
                other = holders.setdefault(o, name)
                first, second = sorted((root(other), root(name)))
                parent[second] = first
        grouped: dict[str, list[str]] = {}
        for name in names:
            grouped.setdefault(root(name), []).append(name)
        return [grouped[key] for key in sorted(grouped)]

    def _exported(self, step: StepName, name: str) -> int:
        if self._exports is None:
            self._exports = {}
            for (_, other), source in self.links.sources.items():
                self._exports.setdefault((source.producer, other), source.version)
        return self._exports.get((step, name), -1)

    # -- re-opened steps -------------------------------------------------------------------------
    def _check_reopened_producers(self) -> None:
        """Find names that a producer makes anew after a consumer in between has read them."""
        for (step, name), source in sorted(self.links.sources.items()):
            last = self.last_version(name, source.producer)
            if last > source.version >= 0:
                placed = self.history.versions[name][last].placed
                self.links.two_versions.append(TwoVersions(step=step, name=name, placed=placed))

    def last_version(self, name: str, owner: StepName) -> int:
        """Return the last version of ``name`` that ``owner`` makes, -1 if it makes none."""
        if name not in self._remade:
            versions = self.history.versions.get(name, [])
            self._remade[name] = {v.owner: number for number, v in enumerate(versions)}
        return self._remade[name].get(owner, -1)
