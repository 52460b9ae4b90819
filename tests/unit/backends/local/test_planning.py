"""Which steps are found, which run and why: with a real store of results, without kernels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import kit
import pytest

from kernelpipe.analysis import build_pipeline
from kernelpipe.backends.local.environment import NOTHING_KNOWN, Environment
from kernelpipe.backends.local.file_states import FileStates
from kernelpipe.backends.local.planning import Circumstances, Planner
from kernelpipe.backends.local.request import RunRequest
from kernelpipe.compiler import Task, conditions_text, lower
from kernelpipe.errors import UsageError
from kernelpipe.model.names import RunId, StepName
from kernelpipe.model.plan import Plan, Verdict
from kernelpipe.model.result import FileState, Result, StoredValue, Touched
from kernelpipe.notebook import parse_notebook
from kernelpipe.runs import FileDigests, ResultStore, RunStore

CELLS = (
    kit.code("lr = 0.1", "parameters"),
    kit.code("def double(x):\n    return 2 * x", "functions"),
    kit.code("rows = [1, 2]", "step:load"),
    kit.code("model = double(lr)", "step:train"),
    kit.code("score = model + len(rows)", "step:score", "metrics"),
)


class Bench:
    """A notebook, a home, and runs that are only pretended."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "n.ipynb"
        self.cells: list[kit.JSON] = [dict(cell) for cell in CELLS]
        self.given: dict[str, object] = {}
        self.environment: Environment | None = None
        self.versions = {"pandas": ("pandas", "2.2")}
        self.touched: dict[str, Touched] = {}
        self.unchanged_content: set[str] = set()
        store = RunStore(folder / "home")
        store.create(pipeline="n", source=self.path, parameters="{}", steps=[])
        self.results = ResultStore(store.home)
        self.number = 0

    def tasks(self) -> tuple[Task, ...]:
        """Return the notebook's tasks as it is now."""
        content = kit.encode(kit.notebook(*self.cells))
        return lower(build_pipeline(parse_notebook(content, path=str(self.path))))

    def planner(self, request: RunRequest | None = None, kept: Sequence[str] = ()) -> Planner:
        """Return a planner for the notebook as it is now."""
        environment = self.environment or Environment(
            python="CPython 3.12.1",
            owners={"pandas": ["pandas"]},
            versions=self.versions,
            requirements={},
        )
        circumstances = Circumstances(
            given=self.given,
            source=str(self.path),
            environment=environment,
            results=self.results,
            kept=frozenset(kept),
        )
        files = FileStates(FileDigests(self.results.home), self.path.parent)
        return Planner(self.tasks(), circumstances, request or RunRequest(jobs=2), files)

    def plan(self, request: RunRequest | None = None, kept: Sequence[str] = ()) -> Plan:
        """Return what a run would do now."""
        return self.planner(request, kept).plan()

    def run(self) -> list[str]:
        """Pretend to run what the plan says; return the steps that ran, in order."""
        planner = self.planner()
        planned = {step.name: step for step in planner.plan().steps}
        values: dict[tuple[StepName, str], str] = {}
        ran = []
        for task in self.tasks():
            found = planned[task.step]
            if found.verdict is Verdict.MAYBE:
                found = planner.decide(task.step, values)
            result = found.result
            if result is None:
                ran.append(str(task.step))
                result = self._result(task, planner, values)
                self.results.add(result)
                planner.note_ran(result.touched)
            values |= {(task.step, value.port): value.digest for value in result.values}
        return ran

    def _result(
        self, task: Task, planner: Planner, values: Mapping[tuple[StepName, str], str]
    ) -> Result:
        self.number += 1
        stored = []
        for port in task.outputs:
            path = self.path.parent / f"value-{self.number}-{port.port}"
            is_same = task.step in self.unchanged_content
            path.write_text("same" if is_same else f"{task.step} {self.number}")
            digest, size = self.results.keep_file(path)
            stored.append(StoredValue(port=port.port, digest=digest, size_bytes=size))
        executed = self.path.parent / f"executed-{self.number}"
        executed.write_text(f"{self.number}")
        return Result(
            id=f"r{self.number}",
            key=planner.key(task.step, values),
            source=str(self.path),
            step=task.step,
            run_id=RunId("20261121-120000-3f9a"),
            created_at=float(self.number),
            duration_s=2.0,
            conditions=conditions_text(planner.conditions(task.step, values)),
            values=tuple(stored),
            executed=self.results.keep_file(executed)[0],
            metrics=(),
            touched=self.touched.get(task.step, Touched()),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench on which nothing has run."""
    return Bench(tmp_path)


def verdicts(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return step -> its verdict and its reasons."""
    return {step.name: (step.verdict.value, *step.reasons) for step in plan.steps}


def test_plan__nothing_has_run__everything_runs(bench: Bench) -> None:
    """Nobody knows how long it takes."""
    plan = bench.plan()

    assert verdicts(plan) == dict.fromkeys(("load", "train", "score"), ("run", "never run"))
    assert plan.expected_s is None


def test_plan__nothing_changed__everything_is_found(bench: Bench) -> None:
    """No time is expected."""
    assert bench.run() == ["load", "train", "score"]

    plan = bench.plan()

    assert verdicts(plan) == dict.fromkeys(("load", "train", "score"), ("found",))
    assert plan.expected_s == 0.0
    assert bench.run() == []


def test_plan__cell_changed__it_runs_and_what_follows_may(bench: Bench) -> None:
    """The expected time is that of the longest way through."""
    bench.run()
    bench.cells[3] = kit.code("y = 1\nmodel = double(lr) + y", "step:train")

    plan = bench.plan()

    assert verdicts(plan) == {
        "load": ("found",),
        "train": ("run", "cell 3 changed at line 1"),
        "score": ("maybe", "depends on what 'train' gives"),
    }
    assert plan.expected_s == 4.0
    assert bench.run() == ["train", "score"]


def test_run__step_gives_the_same_again__those_after_it_are_found(bench: Bench) -> None:
    """What counts is the content of inputs, not that a step has run."""
    bench.unchanged_content = {"train"}
    bench.run()
    bench.cells[3] = kit.code("model = double(lr) + 0", "step:train")

    assert bench.run() == ["train"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            lambda b: b.given.update(lr=0.2),
            {"train": ("run", "parameter lr 0.1 -> 0.2")},
            id="parameter",
        ),
        pytest.param(
            lambda b: b.cells.__setitem__(
                1, kit.code("def double(x):\n    return x + x", "functions")
            ),
            {"train": ("run", "function 'double' (cell 1) changed")},
            id="helper",
        ),
        pytest.param(
            lambda b: b.cells.__setitem__(2, kit.code("rows = [1, 2]", "step:load", "cache:off")),
            {"load": ("run", "cache:off")},
            id="cache-off",
        ),
        pytest.param(
            lambda b: b.cells.__setitem__(2, kit.code("rows = [1, 2]", "step:load", "retry:3")),
            {},
            id="retry",
        ),
        pytest.param(
            lambda b: b.cells.insert(2, kit.markdown("# Loading")), {}, id="markdown-cell"
        ),
    ],
)
def test_plan__one_change__says_what_it_means(
    bench: Bench, change: Callable[[Bench], None], expected: dict[str, tuple[str, ...]]
) -> None:
    """Steps that are not named are found, or may run because of those that are."""
    bench.run()
    change(bench)

    found = verdicts(bench.plan())

    assert {step: why for step, why in found.items() if why[0] == "run"} == expected
    assert ("score" in {s for s, why in found.items() if why[0] == "maybe"}) == bool(expected)


def test_plan__back_to_an_earlier_parameter__finds_the_earlier_result(bench: Bench) -> None:
    """Results are not replaced by later ones."""
    bench.run()
    bench.given = {"lr": 0.2}
    assert bench.run() == ["train", "score"]
    bench.given = {"lr": 0.1}

    assert bench.run() == []


def test_plan__package_changed__steps_that_use_it_run(bench: Bench) -> None:
    """The step imports it itself."""
    bench.cells[2] = kit.code("import pandas\nrows = [1, 2]", "step:load")
    bench.run()
    bench.versions = {"pandas": ("pandas", "3.0")}

    assert verdicts(bench.plan())["load"] == ("run", "pandas 2.2 -> 3.0")
    assert verdicts(bench.plan())["train"] == ("found",)


def test_plan__file_that_was_read_changed__the_step_runs(bench: Bench) -> None:
    """Named from the notebook's folder."""
    table = bench.path.parent / "data" / "train.csv"
    table.parent.mkdir()
    table.write_text("1")
    state = FileState(path=str(table), digest=FileDigests(bench.results.home).state(str(table)))
    bench.touched = {"load": Touched(reads=(state,))}
    bench.run()
    assert verdicts(bench.plan())["load"] == ("found",)

    table.write_text("2")
    assert verdicts(bench.plan())["load"] == ("run", "data/train.csv changed")
    table.unlink()
    assert verdicts(bench.plan())["load"] == ("run", "data/train.csv is missing")


def test_plan__influence_that_cannot_be_watched__is_reused_only_when_asked(bench: Bench) -> None:
    """The tag says so."""
    bench.touched = {"load": Touched(unseen=("it talks to the network (h)",))}
    bench.run()

    assert verdicts(bench.plan())["load"] == (
        "run",
        "it talks to the network (h) (the tag cache:on reuses its result anyway)",
    )
    bench.cells[2] = kit.code("rows = [1, 2]", "step:load", "cache:on")
    assert verdicts(bench.plan())["load"] == ("found",)


def test_plan__stored_value_was_changed__the_step_runs(bench: Bench) -> None:
    """A damaged file is never used."""
    bench.run()
    result = bench.results.latest(str(bench.path), StepName("load"))
    assert result is not None
    value = bench.results.path(result.values[0].digest)
    value.chmod(0o600)
    value.write_text("tampered")

    assert verdicts(bench.plan())["load"] == ("run", "its stored result was changed")

    value.unlink()
    assert verdicts(bench.plan())["load"] == ("run", "its stored result is missing")


def test_plan__results_of_the_run_that_is_continued__count_whatever_is_asked(bench: Bench) -> None:
    """Their keys must fit."""
    bench.cells[2] = kit.code("rows = [1, 2]", "step:load", "cache:off")
    bench.run()
    anew = RunRequest(jobs=2, is_cache_used=False)

    found = verdicts(bench.plan(anew, kept=["r1"]))

    assert found["load"] == ("found",)
    assert found["train"] == ("run", "asked for with --no-cache")


def test_plan__only__needs_results_of_the_steps_before(bench: Bench) -> None:
    """The error says why there is none and what to do."""
    request = RunRequest(jobs=2, only=(StepName("score"),))

    with pytest.raises(UsageError, match=r"step 'load' has no .* never run\n.*--until load"):
        bench.plan(request)

    bench.run()
    assert verdicts(bench.plan(request)) == {
        "load": ("found",),
        "train": ("found",),
        "score": ("run", "asked for with --only"),
    }


def test_plan__result_of_another_format__is_told_as_such(bench: Bench) -> None:
    """Nothing of it is read."""
    bench.run()
    result = bench.results.latest(str(bench.path), StepName("load"))
    assert result is not None
    bench.results.add(replace(result, id="old", key="0" * 64, conditions='{"format": 1}'))
    bench.cells[2] = kit.code("rows = [1, 2, 3]", "step:load")

    assert verdicts(bench.plan())["load"] == ("run", "stored by another version of kernelpipe")


def test_plan__packages_of_the_kernel_cannot_be_told__nothing_is_reused(bench: Bench) -> None:
    """A program of the user's starts the kernel, in an environment that is not known."""
    bench.environment = NOTHING_KNOWN
    bench.run()

    assert verdicts(bench.plan())["load"] == (
        "run",
        "which packages its kernel has cannot be told",
    )
