"""Levels and handlers of the logging module, as something that can be pickled."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

_STREAMS = ("stdout", "stderr")


class UnknownPartError(Exception):
    """A handler of the root logger cannot be described; the message says what it is."""


def root_handlers() -> tuple[logging.Handler, ...]:
    """Return the handlers of the root logger."""
    return tuple(logging.root.handlers)


def capture(known: Sequence[logging.Handler]) -> dict[str, Any]:
    """Return the state of the root logger and of all loggers that were set up.

    Args:
        known: Handlers of the root logger that every step has anyway.

    Raises:
        UnknownPartError: If the root logger has a handler that is neither a plain StreamHandler
            on stdout or stderr nor a plain FileHandler.
    """
    loggers = {}
    for name, logger in sorted(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and _is_set_up(logger):
            described = [facts for facts in map(_described, logger.handlers) if facts is not None]
            loggers[name] = _facts(
                logger, described if len(described) == len(logger.handlers) else None
            )
    handlers = []
    for handler in logging.root.handlers:
        if handler in known:
            continue
        described_handler = _described(handler)
        if described_handler is None:
            kind = type(handler)
            raise UnknownPartError(
                f"a logging handler of type {kind.__module__}.{kind.__qualname__}"
            )
        handlers.append(described_handler)
    return {
        "root": _facts(logging.root, handlers),
        "loggers": loggers,
        "disable": logging.root.manager.disable,
    }


def _is_set_up(logger: logging.Logger) -> bool:
    return bool(logger.level or logger.handlers or logger.disabled or not logger.propagate)


def _facts(logger: logging.Logger, handlers: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return a logger's state; ``handlers`` is None when they are to be left alone."""
    return {
        "level": logger.level,
        "disabled": logger.disabled,
        "propagate": logger.propagate,
        "filters": logger.filters,
        "handlers": handlers,
    }


def _described(handler: logging.Handler) -> dict[str, Any] | None:
    facts = {"level": handler.level, "formatter": handler.formatter, "filters": handler.filters}
    if type(handler) is logging.StreamHandler:
        for stream in _STREAMS:
            if handler.stream in (getattr(sys, stream), getattr(sys, f"__{stream}__")):
                is_own = handler.stream is getattr(sys, f"__{stream}__")
                return {**facts, "stream": f"__{stream}__" if is_own else stream}
    if type(handler) is logging.FileHandler:
        return {**facts, "file": handler.baseFilename, "encoding": handler.encoding}
    if type(handler) is logging.NullHandler:
        return {**facts, "null": True}
    return None


def restore(value: dict[str, Any]) -> None:
    """Put a captured state in force."""
    logging.disable(value["disable"])
    _set(logging.root, value["root"])
    for name, facts in value["loggers"].items():
        _set(logging.getLogger(name), facts)


def _set(logger: logging.Logger, facts: dict[str, Any]) -> None:
    logger.setLevel(facts["level"])
    logger.disabled = facts["disabled"]
    logger.propagate = facts["propagate"]
    logger.filters[:] = facts["filters"]
    if facts["handlers"] is None:
        return
    for handler in [each for each in logger.handlers if _described(each) is not None]:
        logger.removeHandler(handler)
        if isinstance(handler, logging.FileHandler):
            handler.close()
    for described in facts["handlers"]:
        logger.addHandler(_made(described))


def _made(facts: dict[str, Any]) -> logging.Handler:
    handler: logging.Handler
    if "file" in facts:
        handler = logging.FileHandler(facts["file"], encoding=facts["encoding"], delay=True)
    elif "null" in facts:
        handler = logging.NullHandler()
    else:
        handler = logging.StreamHandler(getattr(sys, facts["stream"]))
    handler.setLevel(facts["level"])
    handler.setFormatter(facts["formatter"])
    for item in facts["filters"]:
        handler.addFilter(item)
    return handler
