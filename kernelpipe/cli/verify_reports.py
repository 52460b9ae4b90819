"""Say in text how a notebook's plain run and its pipeline compare."""

from collections.abc import Iterator

from kernelpipe.model.run import RunState
from kernelpipe.model.verification import Discrepancy, Verification
from kernelpipe.runs.wording import counted, duration


def describe_verification(found: Verification) -> str:
    """Return how both runs ended, what was compared, and what differs, the first thing in full."""
    return "\n".join(_lines(found))


def _lines(found: Verification) -> Iterator[str]:
    error = found.error
    ended = "" if error is None else f", with {error.ename} in cell {error.cell_index}"
    yield f"pipeline:         {found.state.value} in {duration(found.pipeline_s)}"
    yield f"top to bottom:    {_plain_ending(found)} in {duration(found.plain_s)}"
    for step in found.left_out:
        yield f"not compared: step '{step.step}': {step.reason}"
    for note in found.notes:
        yield f"note: {note}"
    if found.found:
        yield f"{counted(len(found.found), 'difference')}, the first:"
        yield from _in_full(found.found[0])
        for each in found.found[1:]:
            yield f"  {_place(each)}: {each.what} ({each.reason.value})"
    else:
        yield f"the same{ended}: {_counts(found)}"
    for unstable in found.unstable:
        yield f"differs between two plain runs, too: {_place(unstable)}: {unstable.what}"
    if found.found and found.plain_runs == 1:
        yield "  hint: --twice tells what differs between two plain runs anyway"


def _plain_ending(found: Verification) -> str:
    is_failed = found.error is not None
    return RunState.FAILED.value if is_failed else "done"


def _counts(found: Verification) -> str:
    parts = [
        counted(found.cells, "cell"),
        counted(found.values, "value"),
        *([counted(found.metrics, "metric")] if found.metrics else []),
        *([counted(found.files, "file")] if found.files else []),
    ]
    return ", ".join(parts)


def _in_full(each: Discrepancy) -> Iterator[str]:
    yield f"  {_place(each)}: {each.what} differs"
    yield f"    top to bottom: {_indented(each.plain)}"
    yield f"    pipeline:      {_indented(each.pipeline)}"
    yield f"    likely reason: {each.reason.value}: {each.explanation}"


def _indented(text: str) -> str:
    return text.rstrip("\n").replace("\n", "\n" + " " * 19)


def _place(each: Discrepancy) -> str:
    if each.location is None:
        return "the notebook" if each.step is None else f"step '{each.step}'"
    step = "" if each.step is None else f" (step '{each.step}')"
    return f"{each.location}{step}"
