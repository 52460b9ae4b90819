"""An argument parser that explains mistakes the way the rest of kernelpipe does."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from kernelpipe.errors import UsageError, did_you_mean


class ArgumentParser(argparse.ArgumentParser):
    """Raises UsageError with a near match, and takes options with two free words."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self._pair_options: tuple[str, ...] = ()

    def add_pairs(self, short: str, long: str, *, metavar: tuple[str, str], help_text: str) -> None:
        """Add an option that takes two words and may be repeated.

        The words are taken as they stand: unlike argparse's own, they may begin with ``-``. They
        arrive as a list of pairs under the name of ``long``.
        """
        self._pair_options = (short, long)
        self.add_argument(
            short, long, nargs=2, action="append", default=[], metavar=metavar, help=help_text
        )

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words after the command's name.

        Raises:
            UsageError: If they are not what the command takes.
        """
        rest, pairs = self._take_pairs(words)
        # Intermixed: free words may stand on both sides of an option; argparse then forgets "--".
        take = self.parse_known_args if "--" in rest else self.parse_known_intermixed_args
        arguments, unknown = take(rest)
        if unknown:
            self._refuse(unknown[0])
        if self._pair_options:
            setattr(arguments, self._pair_options[1].lstrip("-"), pairs)
        return arguments

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; argparse calls this for every mistake that it finds."""
        raise UsageError(message, hint=" ".join(self.format_usage().split()))

    def _take_pairs(self, words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
        rest: list[str] = []
        pairs: list[tuple[str, str]] = []
        queue = list(words)
        while queue:
            word = queue.pop(0)
            if word == "--":
                rest += [word, *queue]
                break
            if word not in self._pair_options:
                rest.append(word)
                continue
            if len(queue) < 2:  # noqa: PLR2004  # a pair
                self.error(f"{word} takes a name and a value")
            pairs.append((queue.pop(0), queue.pop(0)))
        return rest, pairs

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            self.error(f"'{word}' is one word too many")
        options = [text for action in self._actions for text in action.option_strings]
        raise UsageError(
            f"there is no option '{word}'",
            hint=did_you_mean(word.partition("=")[0], options)
            or " ".join(self.format_usage().split()),
        )


def add_home(parser: ArgumentParser, *, place: str) -> None:
    """Declare the option that names a home; without it, it is at ``place``."""
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help=f"where runs are kept (default: .kernelpipe {place})",
    )


def one_of(*choices: str) -> Callable[[str], str]:
    """Return an argparse type that takes one of ``choices`` and suggests the nearest."""

    def convert(text: str) -> str:
        if text in choices:
            return text
        near = did_you_mean(text, choices)
        raise argparse.ArgumentTypeError(
            f"'{text}' is not one of {', '.join(choices)}" + (f"; {near}" if near else "")
        )

    return convert


def positive_integer(text: str) -> int:
    """Convert to an int of at least 1, as an argparse type."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return number


def duration_s(text: str) -> float:
    """Convert ``90s``, ``10m``, ``1h30m``, ``1d`` to seconds, as an argparse type."""
    from kernelpipe.notebook.values import parse_duration_s  # noqa: PLC0415  # only here

    seconds = parse_duration_s(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; write for example 90s, 10m, 1h30m")
    return seconds
