"""``kernelpipe gc``: remove stored results that are no longer wanted."""

import re
from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, add_home, duration_s

if TYPE_CHECKING:
    from kernelpipe.runs.garbage import Garbage

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?))?B?", re.IGNORECASE)
_UNITS = "KMGT"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--older-than",
        type=duration_s,
        metavar="TIME",
        help="remove results that were not used for this time, for example 12h, 30d",
    )
    parser.add_argument(
        "--max-size",
        type=size_bytes,
        metavar="SIZE",
        help="remove the results that were not used for longest until the rest takes no more"
        " than this, for example 500M, 10G",
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be removed")
    add_home(parser, place="in this folder")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Remove what is not wanted, and tell what that was."""
    garbage = api.gc(
        home=arguments.home,
        older_than_s=arguments.older_than,
        max_bytes=arguments.max_size,
        dry_run=arguments.dry_run,
    )
    if arguments.json:
        print(api.to_json(api.garbage_document(garbage, is_dry_run=arguments.dry_run)))
    else:
        print("\n".join(_describe(garbage, is_dry_run=arguments.dry_run)))
    return 0


def size_bytes(text: str) -> int:
    """Convert ``500M``, ``10G``, ``1.5GiB`` to bytes, as an argparse type."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ArgumentTypeError(f"'{text}' is no size; write for example 500M, 10G, 1.5GiB")
    number, unit, is_binary = found.groups()
    power = _UNITS.index(unit.upper()) + 1 if unit else 0
    return int(float(number) * (1024 if is_binary else 1000) ** power)


def _describe(garbage: "Garbage", *, is_dry_run: bool) -> list[str]:
    from kernelpipe.runs.wording import counted, size  # noqa: PLC0415  # loads SQLite

    what = ", ".join(
        [
            counted(garbage.results, "result"),
            counted(garbage.objects, "file"),
            counted(garbage.leftovers, "leftover"),
        ]
    )
    verb = "would remove" if is_dry_run else "removed"
    lines = [f"{verb} {what}: {size(garbage.freed_bytes)}"]
    if garbage.held_bytes:
        lines.append(
            f"{size(garbage.held_bytes)} more stay on the disk as long as the runs that made them:"
            " see kernelpipe runs rm"
        )
    if garbage.young_objects:
        lines.append(
            f"{counted(garbage.young_objects, 'file')} too young to be removed: a run may be about"
            " to use them"
        )
    kept = f"{counted(garbage.kept_results, 'result')} kept: {size(garbage.kept_bytes)}"
    if garbage.protected_results:
        kept += f", of which runs need {garbage.protected_results}"
    return [*lines, kept]
