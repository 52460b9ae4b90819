"""A sample of the equality suite with real kernels on both sides: nothing of the warm shells."""

import shutil
from pathlib import Path

import kit
import pytest
from equality.reader import Case, read_cases
from plain_run import first_difference, run_in_kernel

from kernelpipe import api
from kernelpipe.api.output_differences import outputs_of
from kernelpipe.model.run import RunState

pytestmark = pytest.mark.integration

SAMPLE = [case for case in read_cases() if case.needs_kernel]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in SAMPLE])
def test_local_run__small_notebook__equals_a_kernels_plain_run(case: Case, tmp_path: Path) -> None:
    """The executed notebook has the plain run's outputs, or the step fails as the case says."""
    path = tmp_path / "pipeline" / "case.ipynb"
    path.parent.mkdir()
    path.write_bytes(kit.encode(case.notebook))
    plain_directory = tmp_path / "plain"
    plain_directory.mkdir()

    plain = run_in_kernel(case.notebook, plain_directory)
    run = api.run(path, jobs=2, home=tmp_path / "home")

    assert run.notebook
    executed = outputs_of(kit.read(Path(run.notebook)))
    if case.expect == ("equal",):
        assert run.state is RunState.SUCCEEDED, run
        assert first_difference(plain, executed) is None
    elif case.expect == ("same error",):
        (error,) = (step.error for step in run.steps if step.error)
        last = plain[max(plain)][-1]
        assert (error.cell_index, error.ename, error.evalue) == (
            max(plain),
            last["ename"],
            last["evalue"],
        )
    else:
        (text,) = (option.removeprefix("fails ") for option in case.expect if "fails" in option)
        (error,) = (step.error for step in run.steps if step.error)
        assert text in error.evalue
    shutil.rmtree(tmp_path / "home")
