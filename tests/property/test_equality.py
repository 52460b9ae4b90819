"""The promise: a pipeline run gives the outputs of a plain run, cell by cell, or is refused."""

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

from kernelpipe.model.pipeline import EdgeKind, Pipeline

CASES = read_cases()


def known_gap(case: Case) -> list[pytest.MarkDecorator]:
    """Return the mark of a case with a known gap: it must fail until the gap is closed."""
    return [pytest.mark.xfail(reason=case.known)] if case.known else []


def test_cases__all_of_them__are_many_and_have_unique_names() -> None:
    """The suite has not shrunk by accident, and a name finds one case."""
    names = [case.name for case in CASES]

    assert len(names) >= 90
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=known_gap(case)) for case in CASES]
)
def test_pipeline__small_notebook__equals_the_plain_run_or_is_refused(
    case: Case, shell_server: ShellServer, tmp_path: Path
) -> None:
    """Outputs are equal cell by cell, or the case is refused as it says; edges are as it says."""
    (tmp_path / "plain").mkdir()
    path = tmp_path / "pipeline" / "case.ipynb"
    path.parent.mkdir()
    path.write_bytes(kit.encode(case.notebook))

    plain = run_plain_in_process(case.notebook, shell_server, tmp_path / "plain")
    run = run_pipeline_in_process(path, shell_server, tmp_path / "work")

    assert explain(case, plain, run) is None
    assert graph_problems(case, run.pipeline) == []


def explain(case: Case, plain: dict[int, list[JSON]], run: InProcessRun) -> str | None:
    """Return why what came of the run is none of what ``case`` expects; None if it is."""
    reasons = [_explain_one(option, plain, run) for option in case.expect]
    return None if None in reasons else "\n".join(filter(None, reasons))


def _explain_one(option: str, plain: dict[int, list[JSON]], run: InProcessRun) -> str | None:
    kind, _, rest = option.partition(" ")
    plain_error = next(
        (
            (output["ename"], output["evalue"], index)
            for index, outputs in plain.items()
            for output in outputs
            if output["output_type"] == "error" and index == max(plain)
        ),
        None,
    )
    if kind == "refused":
        return None if any(code.startswith(rest) for code in run.codes) else f"not refused {rest}"
    if run.codes:
        return "refused: " + "\n".join(map(str, run.pipeline.errors()))
    if kind == "same":
        found = list(run.failures.values())
        return None if plain_error in found else f"plain run: {plain_error}, pipeline: {found}"
    if kind == "fails":
        texts = [f"{ename}: {evalue}" for ename, evalue, _ in run.failures.values()]
        return None if any(rest in text for text in texts) else f"did not fail: {texts}"
    if run.failures:
        return f"failed: {run.failures}"
    return first_difference(plain, run.outputs)


def graph_problems(case: Case, pipeline: Pipeline) -> list[str]:
    """Return where the graph is not what ``case`` says."""
    if pipeline.errors():
        return []
    data = {
        (edge.producer, edge.consumer): set(edge.names)
        for edge in pipeline.edges
        if edge.kind is EdgeKind.DATA
    }
    paths = _paths(pipeline)
    problems = [
        f"{producer}->{consumer} lacks {sorted(names - data.get((producer, consumer), set()))}"
        for producer, consumer, names in case.data
        if not names <= data.get((producer, consumer), set())
    ]
    problems += [
        f"{producer}->{consumer} has {sorted(data[producer, consumer])}"
        for producer, consumer, names in case.missing
        if (producer, consumer) in data and (not names or names & data[producer, consumer])
    ]
    problems += [
        f"{first} and {second} are not parallel"
        for first, second in case.parallel
        if (first, second) in paths or (second, first) in paths
    ]
    problems += [
        f"{first} is not before {second}"
        for first, second in case.ordered
        if (first, second) not in paths
    ]
    flows = {(flow.consumer, flow.path, flow.producer) for flow in pipeline.file_flows}
    problems += [f"{each} is no file flow" for each in case.files if each not in flows]
    problems += [
        f"{consumer} takes {path} of {producer}"
        for consumer, path, producer in sorted(flows)
        if {(consumer, ""), (consumer, producer)} & set(case.no_files)
    ]
    return problems


def _paths(pipeline: Pipeline) -> set[tuple[str, str]]:
    """Return (earlier, later) for every two steps with a path between them."""
    before: dict[str, set[str]] = {}
    for step in pipeline.steps:
        before[step.name] = set(step.after).union(*(before.get(name, set()) for name in step.after))
    return {(first, later) for later, firsts in before.items() for first in firsts}
