"""Why a pipeline and its notebook probably differ."""

import json
from dataclasses import replace

import pytest
from percent import pipeline_of

from kernelpipe.api.likely_reasons import Reasons
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.run import Run, RunState, StepRun
from kernelpipe.model.verification import Reason

A, B = StepName("a"), StepName("b")


def reasons(text: str, **facts: object) -> Reasons:
    """Return the finder for a notebook; ``facts`` is step -> what its record says."""
    pipeline = pipeline_of(text)
    run = Run(
        id=RunId("r"),
        pipeline="n",
        source="n.ipynb",
        state=RunState.SUCCEEDED,
        started_at=0.0,
        duration_s=1.0,
        directory="/nowhere",
        notebook=None,
        parameters="{}",
        metrics=(),
        steps=tuple(
            StepRun(
                name=step.name,
                state=RunState.SUCCEEDED,
                facts=json.dumps(facts.get(step.name, {})),
            )
            for step in pipeline.steps
        ),
    )
    sources = {cell.index: cell.source for step in pipeline.steps for cell in step.cells}
    return Reasons(pipeline=pipeline, run=run, sources=sources)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        pytest.param("x = time.time()", "looks at the clock (time.time)", id="clock"),
        pytest.param("x = pd.Timestamp.now()", "looks at the clock (Timestamp.now)", id="pandas"),
        pytest.param("x = id(3)", "gets what differs in each run (id)", id="address"),
        pytest.param("x = random.random()", "without a seed (random.random)", id="random"),
        pytest.param("x = df.sample(3)", "without a seed (df.sample)", id="sample"),
        pytest.param("x = threading.Thread()", "works in parallel (threading)", id="threads"),
    ],
)
def test_likely__code_that_is_not_deterministic__is_named(line: str, word: str) -> None:
    """Also when the cell is in a step before."""
    text = (
        f"# %% imports\nimport time, random, threading, pandas as pd\ndf = 1\n# %% step:a\n{line}"
    )
    found = reasons(f"{text}\n# %% step:b\nprint(x)")

    for step, cell in ((A, 1), (B, 2)):
        reason, why = found.likely(step, cell)
        assert reason is Reason.NON_DETERMINISM
        assert why.startswith("cell 1 ")
        assert word in why


def test_likely__seeded_random_numbers__are_no_reason() -> None:
    """With a seed they are the same in every run."""
    found = reasons("# %% step:a\nimport random\nrandom.seed(1)\nx = random.random()")

    assert found.likely(A, 0) == (
        Reason.OURS,
        "nothing in the notebook explains it: probably a fault of kernelpipe",
    )


def test_likely__clock_in_a_later_step__is_no_reason() -> None:
    """What comes afterwards has changed nothing."""
    found = reasons("# %% step:a\nx = 1\n# %% step:b\nimport time\nprint(x, time.time())")

    assert found.likely(A, 0)[0] is Reason.OURS
    assert found.likely(B, 1)[0] is Reason.NON_DETERMINISM


def test_likely__hidden_state_differs_before__is_the_reason() -> None:
    """It comes before everything that the code tells."""
    found = reasons("# %% step:a\nx = time.time()\n# %% step:b\nprint(x)")

    found = replace(found, states={A: frozenset({"@random"})})

    assert found.likely(B, 1) == (
        Reason.HIDDEN_STATE,
        "at the end of step 'a' hidden state is not the same: @random",
    )


def test_likely__file_of_a_step_that_is_not_before__is_the_reason() -> None:
    """The records say who read and who wrote; the graph does not order them."""
    found = reasons(
        "# %% step:a\nx = 1\n# %% step:b\ny = 2",
        a={"writes": [["/w/f.csv", "1"]]},
        b={"reads": [["/w/f.csv", "1"]]},
    )

    assert found.likely(B, 1) == (
        Reason.FILES,
        "step 'b' reads f.csv, which step 'a' writes, and no edge orders the two",
    )
    assert found.likely(A, 0)[0] is Reason.OURS


@pytest.mark.parametrize("line", ["%%time", "t = time.perf_counter()", "datetime.now()"])
def test_timed_cells__clock__is_seen(line: str) -> None:
    """Then durations in outputs do not count."""
    assert reasons(f"# %% step:a\n{line}\nx = 1").timed_cells() == {0}
    assert not reasons("# %% step:a\nx = 1").timed_cells()


def test_likely__model_without_a_seed_of_its_own__is_named() -> None:
    """Unless all that draw have one; a seed elsewhere does not help it."""
    text = "# %% imports\nimport sklearn\nrandom_state = 1\n# %% step:a\nx = PCA(2, copy=1)\n"

    assert (
        reasons(text).likely(A, 2)[1].startswith("cell 1 draws random numbers without a seed (PCA")
    )
    for seeded in (text.replace("copy=1", "random_state=1"), f"{text}np.random.seed(1)"):
        assert reasons(seeded).likely(A, 2)[0] is Reason.OURS


def test_timed_cells__clock_and_what_comes_of_it__only() -> None:
    """Elsewhere amounts with a unit of time are data."""
    found = reasons(
        "# %% step:a\n%matplotlib inline\ndef timed(f):\n    begun = time.time()\n    f()\n"
        "    return time.time() - begun\n"
        "# %%\nprint('30 minutes of work')\n"
        "# %%\n%%time\nn = 1\n"
        "# %%\ntook = timed(print)\n"
        "# %%\nprint(n, 'days')\n"
        "# %% step:b\nprint(f'{took} s')\n"
    )

    assert found.timed_cells() == {0, 2, 3, 5}
