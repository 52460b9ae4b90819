"""``kernelpipe propose``: steps for a notebook that has none."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from kernelpipe import api
from kernelpipe.cli.arguments import ArgumentParser, positive_integer
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.errors import CompileError
from kernelpipe.runs.wording import counted, table

_MOST_INPUTS = 4


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="OUT.ipynb",
        help="write the notebook with the proposed tags; the notebook itself is only changed "
        "if this names it",
    )
    parser.add_argument(
        "--steps",
        type=positive_integer,
        metavar="N",
        help="how many steps there should be (default: what suits the notebook)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Print the proposal; the exit code says whether the notebook has errors of its own."""
    found = api.propose(arguments.notebook, arguments.write, steps=arguments.steps)
    DiagnosticPrinter(sys.stderr).print_all(found.pipeline.errors())
    if arguments.json:
        document = api.proposal_document(found, path=str(arguments.notebook))
        written = None if arguments.write is None else str(arguments.write.absolute())
        print(api.to_json(document | {"written": written}))
    else:
        print("\n".join(_lines(found, arguments)))
    return CompileError.exit_code if found.pipeline.errors() else 0


def _lines(found: "api.ProposedNotebook", arguments: Namespace) -> Iterator[str]:
    steps = found.proposal.steps
    count = sum(len(step.cells) for step in steps) + len(found.proposal.roles)
    yield f"{arguments.notebook}: {counted(len(steps), 'step')} for {counted(count, 'cell')}"
    yield from table(_rows(found))
    yield from (f"not cut further: {note}" for note in found.notes())
    if arguments.write is None:
        yield "nothing is written; --write OUT.ipynb writes the notebook with these tags"
    else:
        yield f"{arguments.write}: tagged {counted(len(found.cells), 'cell')}"


def _rows(found: "api.ProposedNotebook") -> Iterator[tuple[str, ...]]:
    inputs = {
        step.name: sorted({port.name for port in step.inputs if port.name.isidentifier()})
        for step in found.pipeline.steps
    }
    roles = found.proposal.roles
    for role in dict.fromkeys(roles[index] for index in sorted(roles)):
        yield role.value, _ranges(i for i, other in roles.items() if other is role), "", ""
    for step in found.proposal.steps:
        taken = inputs.get(step.name, [])
        more = f" and {len(taken) - _MOST_INPUTS} more" if len(taken) > _MOST_INPUTS else ""
        yield (
            f"step:{step.name}",
            _ranges(step.cells),
            f'"{step.heading}"' if step.heading else "",
            f"takes {', '.join(taken[:_MOST_INPUTS])}{more}" if taken else "",
        )


def _ranges(cells: Iterable[int]) -> str:
    """Return zero-based indexes as text: ``cells 1-4, 7``."""
    parts: list[list[int]] = []
    for index in sorted(cells):
        if parts and parts[-1][-1] == index - 1:
            parts[-1].append(index)
        else:
            parts.append([index])
    texts = [f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts]
    return f"{'cells' if sum(map(len, parts)) > 1 else 'cell'} {', '.join(texts)}"
