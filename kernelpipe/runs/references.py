"""Finds the run that a user's words mean: an id, the beginning of one, or how far back it is."""

import re
from collections.abc import Sequence
from pathlib import Path

from kernelpipe.errors import UsageError, did_you_mean
from kernelpipe.model.run import Run

LATEST = "latest"
_BACK = re.compile(rf"{LATEST}(?:~(\d+))?")


def find_run(runs: Sequence[Run], reference: str, *, home: Path) -> Run:
    """Return the run that is meant.

    Args:
        runs: Those to choose from, the newest first.
        reference: A run id, the beginning of exactly one, "latest", or "latest~N" for the run N
            runs before that. Runs that a schedule has started count only if there are no others.
        home: Where the runs are kept, for messages.

    Raises:
        UsageError: If no run or more than one is meant.
    """
    if not runs:
        raise UsageError(
            f"there are no runs in {home}", hint="--home names the directory where runs are kept"
        )
    back = _BACK.fullmatch(reference)
    if back:
        return _count_back(runs, int(back[1] or 0))
    found = [run for run in runs if reference and run.id.startswith(reference)]
    exact = [run for run in found if run.id == reference]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(
            f"{len(found)} runs begin with '{reference}'",
            hint=f"for example {found[0].id} and {found[1].id}",
        )
    raise UsageError(
        f"there is no run '{reference}' in {home}",
        hint=did_you_mean(reference, [LATEST, *(run.id for run in runs)])
        or f"the latest run is {runs[0].id}",
    )


def _count_back(runs: Sequence[Run], steps: int) -> Run:
    own = [run for run in runs if "schedule" not in (run.cluster or {})] or runs
    if steps < len(own):
        return own[steps]
    count = "only 1 run" if len(own) == 1 else f"only {len(own)} runs"
    others = ", besides those that schedules have started" if len(own) < len(runs) else ""
    raise UsageError(
        f"there is no run '{LATEST}~{steps}': "
        f"there {'is' if len(own) == 1 else 'are'} {count}{others}",
        hint=f"the oldest is {own[-1].id}",
    )
