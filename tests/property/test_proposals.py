"""A notebook with proposed steps computes what it computes without, or runs as one step."""

import copy
import zlib
from pathlib import Path

import kit
import pytest
from equality.reader import Case, read_cases
from pipeline_in_process import (
    InProcessRun,
    ShellServer,
    run_pipeline_in_process,
    run_plain_in_process,
)
from plain_run import JSON, first_difference
from published_kit import Published, example_notebooks, published_notebooks

from kernelpipe.analysis import build_pipeline
from kernelpipe.analysis.placement import place_cells
from kernelpipe.api import ProposedNotebook, propose_for
from kernelpipe.notebook import parse_notebook

KEPT = {"skip", "raises-exception"}
CASES = [case for case in read_cases() if case.known is None]
SAMPLE = [case for case in CASES if zlib.crc32(case.name.encode()) % 3 == 0]
"""Cases that are run: a third is enough beside the suite that runs all of them with their tags."""


def without_tags(content: JSON) -> JSON:
    """Return a notebook's JSON without all tags that say something of steps."""
    bare = copy.deepcopy(content)
    for cell in bare["cells"]:
        tags = [tag for tag in cell["metadata"].pop("tags", []) if tag in KEPT]
        cell["metadata"] |= {"tags": tags} if tags else {}
    return bare


def proposed(case: Case) -> ProposedNotebook:
    """Return a case, its tags taken away, with as many steps as it had, but two at least."""
    steps = {
        tag
        for cell in case.notebook["cells"]
        for tag in cell["metadata"].get("tags", [])
        if tag.startswith(("step:", "block:"))
    }
    content = kit.encode(without_tags(case.notebook))
    return propose_for(content, path="case.ipynb", steps=max(2, len(steps)))


def cut(content: JSON) -> list[tuple[int, int | None]]:
    """Return (index of the cell, first cell of its step) for all cells, None for setup."""
    cells = place_cells(parse_notebook(kit.encode(content), path="case.ipynb"), {}).cells
    first: dict[str | None, int] = {}
    for placed in cells:
        first.setdefault(placed.step, placed.cell.index)
    return [(p.cell.index, None if p.step is None else first[p.step]) for p in cells]


def problem(case: Case, plain: dict[int, list[JSON]], run: InProcessRun) -> str | None:
    """Return how a run of a proposal differs from the plain run, None if it does not."""
    errors = [
        (output["ename"], output["evalue"], index)
        for index, outputs in plain.items()
        for output in outputs
        if output["output_type"] == "error"
    ]
    if not run.failures:
        return first_difference(plain, run.outputs)
    if any(failure in errors for failure in run.failures.values()):
        return None
    is_said = any(option.startswith("fails") for option in case.expect)
    return None if is_said else f"plain run: {errors}, pipeline: {run.failures}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_propose__small_notebook_without_tags__has_no_error_that_one_step_has_not(
    case: Case,
) -> None:
    """No cut is to blame for an error, and the pipeline has the steps that were proposed."""
    found = proposed(case)

    names = [step.name for step in found.proposal.steps]
    assert [step.name for step in found.pipeline.steps] == names
    assert {error.code for error in found.pipeline.errors()} <= _errors_of_one_step(case)


def _errors_of_one_step(case: Case) -> set[str]:
    content = without_tags(case.notebook)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    first = next(cell for cell in code if "skip" not in cell["metadata"].get("tags", []))
    first["metadata"]["tags"] = [*first["metadata"].get("tags", []), "step:all"]
    pipeline = build_pipeline(parse_notebook(kit.encode(content), path="case.ipynb"))
    return {error.code for error in pipeline.errors()}


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
def test_propose__small_notebook_without_tags__equals_the_plain_run(
    case: Case, shell_server: ShellServer, tmp_path: Path
) -> None:
    """Outputs are equal, cell by cell; a cut that the case has by its own tags is run elsewhere."""
    found = proposed(case)
    if cut(found.content) == cut(case.notebook) or found.pipeline.errors():
        return  # it runs with the suite of these cases, or has an error however it is cut
    (tmp_path / "plain").mkdir()
    path = tmp_path / "pipeline" / "case.ipynb"
    path.parent.mkdir()
    path.write_bytes(kit.encode(found.content))

    plain = run_plain_in_process(without_tags(case.notebook), shell_server, tmp_path / "plain")
    run = run_pipeline_in_process(path, shell_server, tmp_path / "work")

    assert run.codes == ()
    assert problem(case, plain, run) is None


@pytest.mark.parametrize("published", [*published_notebooks(), *example_notebooks()], ids=str)
def test_propose__published_notebook_without_tags__is_cut_much_as_people_cut_it(
    published: Published,
) -> None:
    """Nothing is refused, nearly nothing merged, and there are about as many steps."""
    by_people = build_pipeline(published.notebook)

    found = propose_for(kit.encode(published.without_tags()), path=f"{published.name}.ipynb")

    assert found.pipeline.errors() == ()
    assert len(found.notes()) <= 1
    assert 0.4 <= len(found.proposal.steps) / len(by_people.steps) <= 2
    assert len(found.proposal.steps) >= 2
