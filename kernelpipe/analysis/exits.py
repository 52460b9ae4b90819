"""The on-exit step: it runs when all others have ended, so it takes nothing from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kernelpipe.analysis.linking import Links
from kernelpipe.analysis.placement import DeclaredStep, Placement
from kernelpipe.analysis.rules import EXIT_ALONE, EXIT_SETTINGS, EXIT_VALUES
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Edge, FileTie


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """``step`` is the on-exit step, None if there is none; ``diagnostics`` say what is wrong.

    Edges and ties are those of the other steps: nothing orders the on-exit step but its nature.
    """

    step: StepName | None
    edges: tuple[Edge, ...]
    ties: tuple[FileTie, ...]
    diagnostics: tuple[Diagnostic, ...]


def find_exit(
    placement: Placement, links: Links, edges: Iterable[Edge], ties: Iterable[FileTie]
) -> Exit:
    """Return the on-exit step, and the edges and ties that are left without it."""
    edges, ties = tuple(edges), tuple(ties)
    declared = [step for step in placement.steps if step.settings.on_exit]
    if not declared:
        return Exit(step=None, edges=edges, ties=ties, diagnostics=())
    names = {step.name for step in declared}
    return Exit(
        step=declared[0].name,
        edges=tuple(e for e in edges if not names & {e.producer, e.consumer}),
        ties=tuple(t for t in ties if not names & {t.producer, t.consumer}),
        diagnostics=(
            *_settings(placement, declared),
            *_values(placement, links, names),
            *_orders(placement, names),
            *_files(placement, ties, names),
        ),
    )


def _settings(placement: Placement, declared: list[DeclaredStep]) -> Iterator[Diagnostic]:
    first, *others = declared
    if len(declared) == len(placement.steps):
        yield EXIT_ALONE.at(
            placement.location_of("on_exit", first.name),
            f"step '{first.name}' is tagged 'on-exit', and there is no step for it to follow",
            "tag other cells 'step:NAME', or remove the tag",
        )
    for step in others:
        yield EXIT_SETTINGS.at(
            placement.location_of("on_exit", step.name),
            f"step '{step.name}' is tagged 'on-exit', as step '{first.name}' is",
            "a notebook has one on-exit step: put the cells of both into one",
        )
    for step in declared:
        tag = "when" if step.settings.when is not None else "foreach"
        if step.settings.when is not None or step.settings.foreach is not None:
            yield EXIT_SETTINGS.at(
                placement.location_of("on_exit", step.name),
                f"step '{step.name}' is tagged 'on-exit' and '{tag}:'",
                "an on-exit step runs once, whatever happened; the variable KERNELPIPE_RUN_STATE"
                " tells how the run ended",
            )


def _values(placement: Placement, links: Links, names: set[StepName]) -> Iterator[Diagnostic]:
    for (step, name), source in sorted(links.sources.items()):
        what = _what(name)
        if step in names:
            yield EXIT_VALUES.at(
                placement.location_of("on_exit", step),
                f"on-exit step '{step}' depends on {what}, which step '{source.producer}' makes",
                "it runs also when that step has failed: use parameters and setup only, or read"
                " what the step wrote to a file",
            )
        elif source.producer in names:
            yield EXIT_VALUES.at(
                placement.location_of("on_exit", step),
                f"step '{step}' depends on {what}, which on-exit step '{source.producer}' makes",
                "an on-exit step runs after all others: make the value in another step",
            )


def _what(name: str) -> str:
    return f"the state '{name[1:]}'" if name.startswith("@") else f"'{name}'"


def _orders(placement: Placement, names: set[StepName]) -> Iterator[Diagnostic]:
    for step in placement.steps:
        for name, cell in step.after:
            if name in names:
                yield EXIT_VALUES.at(
                    cell.location,
                    f"'prev:{name}' names an on-exit step, which runs after all others",
                    "remove the tag",
                )


def _files(
    placement: Placement, ties: Iterable[FileTie], names: set[StepName]
) -> Iterator[Diagnostic]:
    for tie in ties:
        if tie.producer in names and tie.is_read and tie.path is not None:
            yield EXIT_VALUES.at(
                placement.location_of("on_exit", tie.consumer),
                f"step '{tie.consumer}' reads the file '{tie.path}', which on-exit step"
                f" '{tie.producer}' writes",
                "an on-exit step runs after all others: write the file in another step",
            )
