"""Say in text what was compared between two backends, and what differs."""

from pathlib import Path

from kernelpipe.api import ComparedStep, Disparity, Parity
from kernelpipe.runs.wording import counted, duration, table

_HEADS = ("STEP", "HERE", "KFP.LOCAL", "VALUES", "METRICS", "")


def describe_parity(check: Parity, *, kept: Path | None) -> str:
    """Return how both runs ended, a line per step, and what differs and where to look.

    Args:
        check: What was found.
        kept: Where the files of both runs are, None if they are gone.
    """
    lines = [
        f"here:      {check.run.state.value} in {duration(check.run.duration_s)}",
        f"kfp.local: {check.state.value} in {duration(check.duration_s)}",
        *table([_HEADS, *(_row(step, check) for step in check.steps)]),
    ]
    if check.found:
        lines.append(f"{counted(len(check.found), 'difference')}:")
        lines += [text for each in check.found for text in _describe(each)]
    else:
        parts = (
            counted(len(check.steps), "step"),
            counted(check.values, "value"),
            counted(check.metrics, "metric"),
        )
        lines.append(f"the same: {', '.join(parts)}")
    if kept is not None:
        lines.append(f"files: {kept}: here/runs, kfp, kfp/log.txt, pipeline.yaml")
    elif check.found:
        lines.append("  hint: --keep DIR keeps the notebooks, values and logs of both runs")
    return "\n".join(lines)


def _row(step: ComparedStep, check: Parity) -> tuple[str, ...]:
    found = sum(each.step == step.name for each in check.found)
    return (
        step.name,
        step.here.value,
        step.there.value,
        str(step.values or ""),
        str(step.metrics or ""),
        _verdict(step, found),
    )


def _verdict(step: ComparedStep, found: int) -> str:
    if step.is_cut_off:
        return "not compared: kfp.local starts nothing more after a failure"
    return counted(found, "difference") if found else "same"


def _describe(each: Disparity) -> list[str]:
    place = "the run" if each.location is None else f"{each.location}: step '{each.step}'"
    return [
        f"  {place}: {each.what} differs",
        f"    here:      {each.here}",
        f"    kfp.local: {each.there}",
    ]
