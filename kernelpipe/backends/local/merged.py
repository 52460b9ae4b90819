"""The one executed notebook: every source cell with the outputs it had in its step."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kernelpipe.backends.local.outcome import ExecutedCell
from kernelpipe.notebook import assemble

_PROMPT = re.compile(r"(In(?:\x1b\[[0-9;]*m)* ?\[)(\d+)(\])")


def merge_executed(source: Path, steps: Iterable[tuple[ExecutedCell, ...]]) -> dict[str, Any]:
    """Return the source notebook with the outputs of all steps.

    Execution counts are numbered anew in notebook order, so that the notebook reads as if it had
    been run in one go; prompts in tracebacks follow.

    Args:
        source: The source notebook as it was when the run started.
        steps: What each step executed, in pipeline order; of a cell that several executed (setup),
            the first counts.
    """
    executed = [list(step) for step in steps]
    ran = sorted({cell.index for step in executed for cell in step})
    counts = {index: number for number, index in enumerate(ran, start=1)}
    found: dict[int, dict[str, Any]] = {}
    for step in executed:
        prompts = {cell.execution_count: counts[cell.index] for cell in step}
        for cell in step:
            if cell.index not in found:
                number = counts[cell.index]
                outputs = [_renumber(o, number, prompts) for o in json.loads(cell.outputs)]
                found[cell.index] = {"outputs": outputs, "execution_count": number}
    merged: dict[str, Any] = assemble(source, found)
    return merged


def _renumber(
    output: dict[str, Any], number: int, prompts: dict[int | None, int]
) -> dict[str, Any]:
    """Return an output with the numbers of the merged notebook."""
    if output["output_type"] == "execute_result":
        return output | {"execution_count": number}
    if output["output_type"] == "error":

        def prompt(found: re.Match[str]) -> str:
            return f"{found[1]}{prompts.get(int(found[2]), int(found[2]))}{found[3]}"

        return output | {"traceback": [_PROMPT.sub(prompt, line) for line in output["traceback"]]}
    return output
