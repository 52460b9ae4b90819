"""Pickles classes of the notebook so that no code of the notebook runs when they are made again.

The functions that make them are named in value files, so their names and arguments are part of the
file format.
"""

import abc
import enum
import itertools
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from . import links

_PLAIN: tuple[type, ...] = (type, abc.ABCMeta, type(typing.Protocol))
"""Metaclasses that make a class of the final bases, and change nothing but that class."""
_ENUM_STATE = 2
"""Where the state is in what cloudpickle reduces an Enum to."""


def reduce(pickler: Any, obj: Any) -> Any:
    """Return what ``reducer_override`` returns for a class."""
    if obj.__module__ == "__main__":
        _give_id(obj, pickler.session.links.step)
    reduced = pickler.default(obj)
    if not isinstance(reduced, tuple) or len(reduced) <= _ENUM_STATE:
        return reduced
    if issubclass(obj, enum.Enum):
        return _reduce_enum(obj, reduced)
    metaclass, name, bases, attributes, class_id, _ = reduced[1]
    maker = next(base for base in metaclass.__mro__ if _is_imported(base))
    if metaclass is not maker or maker in _PLAIN:
        bases = obj.__bases__
        if "__orig_bases__" in vars(obj):
            attributes = {**attributes, "__orig_bases__": obj.__orig_bases__}
    made = {**attributes, "__qualname__": obj.__qualname__, **_slots(obj)}
    state = {key: value for key, value in reduced[2][0].items() if _is_state(obj, key, value)}
    args = (metaclass, maker, name, bases, made, class_id)
    return (make_class, args, state, None, None, set_class_state)


def _reduce_enum(obj: type[enum.Enum], reduced: Any) -> Any:
    """Add to what cloudpickle says: aliases, and what constructors of the members had set."""
    bases, name, qualname, _, *rest = reduced[1]
    values = {key: member.value for key, member in obj.__members__.items()}
    attributes, slots = reduced[_ENUM_STATE]
    others = {key: value for key, value in attributes.items() if key not in values}
    members = {member.name: dict(vars(member)) for member in obj}
    args = (bases, name, qualname, values, *rest)
    return (reduced[0], args, ((others, slots), members), None, None, links.set_enum_state)


def _is_imported(cls: type) -> bool:
    """Tell whether the loader gets a class by importing its module."""
    import cloudpickle

    return bool(cloudpickle.cloudpickle._should_pickle_by_reference(cls))  # noqa: SLF001


def _slots(cls: type) -> dict[str, tuple[str, ...]]:
    """Return the slots of a class as its namespace must give them, by their final names."""
    if "__slots__" not in vars(cls):
        return {}
    own = vars(cls).items()
    names = [name for name, value in own if _is_slot(cls, value)]
    return {"__slots__": (*names, *sorted({"__dict__", "__weakref__"} & vars(cls).keys()))}


def _is_slot(cls: type, value: object) -> bool:
    return isinstance(value, types.MemberDescriptorType) and value.__objclass__ is cls


def _is_state(cls: type, name: str, value: object) -> bool:
    """Tell whether an attribute must be set; ``copyreg`` makes its cache itself."""
    return name not in {"__module__", "__slotnames__"} and not _is_slot(cls, value)


def _give_id(cls: type, step: str) -> None:
    """Give a class of the notebook an id that is the same whenever the step runs again.

    cloudpickle makes one object of all copies with one id; its own ids are random, so that files
    would never be equal.
    """
    import cloudpickle

    tracker: Any = cloudpickle.cloudpickle
    known = tracker._DYNAMIC_CLASS_TRACKER_BY_CLASS  # noqa: SLF001 - the only access
    if step and cls not in known:
        taken = tracker._DYNAMIC_CLASS_TRACKER_BY_ID  # noqa: SLF001
        numbers = (f"{step}:{cls.__qualname__}:{n}" for n in itertools.count())
        tracker._lookup_class_or_track(next(n for n in numbers if n not in taken), cls)  # noqa: SLF001


def make_class(
    metaclass: Any,
    maker: Any,
    name: str,
    bases: tuple[Any, ...],
    attributes: Mapping[str, Any],
    class_id: str,
) -> type:
    """Return a class without its attributes, or the class that already has the id.

    Args:
        metaclass: Of the class.
        maker: The nearest of the metaclass's bases that is imported; only its code runs.
        name: Of the class.
        bases: The final ones where ``maker`` is Python's own or ``metaclass`` is the notebook's,
            else those in the class statement.
        attributes: What the class needs from the beginning.
        class_id: Under which copies of the class are known to be one.
    """
    import cloudpickle

    tracker: Any = cloudpickle.cloudpickle
    known = tracker._DYNAMIC_CLASS_TRACKER_BY_ID.get(class_id)  # noqa: SLF001 - the only access
    if known is not None:
        return typing.cast("type", known)
    given = {sys.intern(key): value for key, value in attributes.items()}
    with _without_subclass_hooks(bases):
        if metaclass is maker and maker not in _PLAIN:
            made = types.new_class(name, bases, {"metaclass": maker}, lambda ns: ns.update(given))
        else:
            namespace = maker.__prepare__(name, bases)
            namespace.update(given)
            made = maker.__new__(metaclass, name, bases, namespace)
            maker.__init__(made, name, bases, namespace)
    tracker._lookup_class_or_track(class_id, made)  # noqa: SLF001
    return made


@contextmanager
def _without_subclass_hooks(bases: tuple[Any, ...]) -> Iterator[None]:
    """Make ``__init_subclass__`` of all bases do nothing: it has run where the class was made."""
    every = {each: None for base in bases for each in getattr(base, "__mro__", ())}
    hidden: list[tuple[type, object]] = []
    for each in every:
        hook = vars(each).get("__init_subclass__")
        # Types written in C cannot be changed, and have no hooks that could harm.
        if hook is not None and each.__flags__ & _HEAP_TYPE and not each.__flags__ & _IMMUTABLE:
            hidden.append((each, hook))
    try:
        for each, _ in hidden:
            type.__setattr__(each, "__init_subclass__", _NO_HOOK)
        yield
    finally:
        for each, hook in hidden:
            type.__setattr__(each, "__init_subclass__", hook)


_HEAP_TYPE, _IMMUTABLE = 1 << 9, 1 << 8
_NO_HOOK = classmethod(lambda _cls, **_arguments: None)


def set_class_state(cls: Any, state: Mapping[str, Any]) -> None:
    """Set the attributes of a class that ``make_class`` made."""
    maker: Any = next(each for each in type(cls).__mro__ if _is_imported(each))
    setter = maker.__setattr__
    for name, value in state.items():
        if name == "_abc_impl":
            for subclass in value:
                abc.ABCMeta.register(cls, subclass)
        else:
            setter(cls, name, value)
    if "__firstlineno__" in state:  # which any other assignment may have deleted
        setter(cls, "__firstlineno__", state["__firstlineno__"])
