"""Steps that run once per item on this machine, with real kernels."""

import contextlib
import copy
import io
import json
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import kit
import local_kit
import loop_kit
import pytest

from kernelpipe import api
from kernelpipe.errors import CompileError, UsageError
from kernelpipe.model.plan import Verdict
from kernelpipe.model.run import RunState

pytestmark = pytest.mark.integration

COUNT = "open(f'{lr}.log', 'a').write('x')\n"


# -- equality with a plain loop ------------------------------------------------------------------
def tag_value(cell: Mapping[str, object], prefix: str) -> str | None:
    """Return what a cell's tag says after ``prefix``."""
    tags = cell["metadata"].get("tags", ())  # type: ignore[attr-defined]  # JSON
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), None)


class PlainRun:
    """Runs a notebook in this process, the cells of a loop's step in a ``for`` statement.

    The names that such a step hands on are collected. ``printed`` is what each cell prints, as the
    executed notebook shows it.
    """

    def __init__(self, path: Path, given: Mapping[str, object]) -> None:
        self.cells: list[kit.JSON] = kit.read(path)["cells"]
        self.given = copy.deepcopy(given)
        self.outputs = {
            step.name: [port.name for port in step.outputs if not port.name.startswith("@")]
            for step in api.graph(path).steps
        }
        self.namespace: dict[str, object] = {}
        self.printed: list[list[str]] = [[] for _ in self.cells]
        steps: dict[str, list[int]] = {}
        for index, cell in enumerate(self.cells):
            steps.setdefault(tag_value(cell, "step:") or f"setup {index}", []).append(index)
        for name, indexes in steps.items():
            loops = [tag_value(self.cells[index], "foreach:") for index in indexes]
            loop = next(filter(None, loops), None)
            if loop is not None:
                self.repeat(name, indexes, loop)
                continue
            for index in indexes:
                self.printed[index] += filter(None, [self.execute(index)])

    def execute(self, index: int) -> str:
        """Execute a cell, with the parameters that were given; return what it prints."""
        lines = self.cells[index]["source"].split("\n")
        if tag_value(self.cells[index], "parameters") is not None:
            for name, value in self.given.items():
                lines = [f"{name} = {value!r}" if x.startswith(f"{name} =") else x for x in lines]
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec("\n".join(lines), self.namespace)  # noqa: S102 - the test's own code
        return output.getvalue()

    def repeat(self, step: str, indexes: Sequence[int], loop: str) -> None:
        """Execute cells once per item, and collect."""
        variable, _, parameter = loop.partition(" in ")
        items: list[object] = self.namespace[parameter]  # type: ignore[assignment]  # a list
        collected: dict[str, list[object]] = {name: [] for name in self.outputs[step]}
        for number, item in enumerate(items):
            title = f"{step}[{number}]: {variable} = {item!r}"
            self.namespace[variable] = item
            for index in indexes:
                text = self.execute(index)
                self.printed[index] += [title, text] if text else []
            for name, values in collected.items():
                values.append(self.namespace[name])
        self.namespace |= collected


EQUAL = [
    pytest.param(
        (
            kit.code("rates = [0.1, 1.0, 3]", "parameters"),
            kit.code("data = [2, 3]", "step:load"),
            kit.code(
                "score = lr * sum(data)\nprint(lr, type(lr))", "step:fit", "foreach:lr in rates"
            ),
            kit.code("text = f'{score:.2f}'\nprint(text)", "step:fit"),
            kit.code("print(score, text, lr, max(score))", "step:best"),
        ),
        {},
        id="floats-two-cells-variable-read-later",
    ),
    pytest.param(
        (
            kit.code("words = ['a', \"b'\", 'ü\\n']\nlr = 'other'", "parameters"),
            kit.code("print(lr)", "step:before"),
            kit.code("long = w * 2\nprint(repr(long), lr)", "step:fit", "foreach:w in words"),
            kit.code("print(long, lr, words)", "step:after"),
        ),
        {},
        id="texts",
    ),
    pytest.param(
        (
            kit.code("grid = [{'k': 1, 'l': [1, 2]}, {'k': 2.5, 'l': []}, {}]", "parameters"),
            kit.code("k = g.get('k')\ng['new'] = True\nprint(g)", "step:fit", "foreach:g in grid"),
            kit.code("print(k, g)", "step:after"),
        ),
        {"grid": [{"k": None, "l": [{"deep": [True, 1.0]}]}]},
        id="nested-items-changed-in-place",
    ),
    pytest.param(
        (
            kit.code("rates = [1, 2]\nseeds = [7, 8, 9]", "parameters"),
            kit.code("a = lr * 10", "step:one", "foreach:lr in rates"),
            kit.code("b = [x + seed for x in a]\nprint(b)", "step:two", "foreach:seed in seeds"),
            kit.code("print(a, b, sum(map(sum, b)))", "step:three"),
        ),
        {},
        id="chained",
    ),
    pytest.param(
        (
            kit.code("rates = [1, 1, 2, True, None]", "parameters"),
            kit.code(
                "def whole():\n    return len(rates)\n\nclass Model:\n    def __init__(self, lr):\n"
                "        self.lr = lr\n    def __repr__(self):\n        return f'Model({self.lr})'",
                "functions",
            ),
            kit.code("m = Model(lr)\nn = whole()\nprint(m, n)", "step:fit", "foreach:lr in rates"),
            kit.code("print(m, n, [type(x) is Model for x in m], m[0] is m[1])", "step:after"),
        ),
        {},
        id="objects-equal-items-the-whole-list",
    ),
    pytest.param(
        (
            kit.code("rates = (0.5, 0.25)\nn = len(rates)", "parameters"),
            kit.code("half = lr / n\nprint(half, n)", "step:fit", "foreach:lr in rates"),
            kit.code("print(half, n)", "step:after"),
        ),
        {"rates": [4, 5, 6]},
        id="tuple-and-derived-parameter",
    ),
    pytest.param(
        (
            kit.code("rates = [1, 2]", "parameters"),
            kit.code("x = []", "step:fit", "foreach:lr in rates"),
            kit.code("y = x\ny.append(lr)", "step:fit"),
            kit.code("print(x, y)\nprint(x[0] is y[0], x[0] is x[1])", "step:after"),
        ),
        {},
        id="shared-objects",
    ),
    pytest.param(
        (
            kit.code("rates = [1, 2, 1]", "parameters"),
            kit.code("class A:\n    k = lr\na = A()", "step:fit", "foreach:lr in rates"),
            kit.code("f = lambda n, lr=lr, a=a: n * lr * a.k", "step:fit"),
            kit.code("print([x.k for x in a], [type(x) is A[0] for x in a])", "step:after"),
            kit.code("print([g(10) for g in f])", "step:after"),
        ),
        {},
        id="classes-and-functions-of-the-items",
    ),
    pytest.param(
        (
            kit.code("rates = [1, 2]", "parameters"),
            kit.code("x = lr\nprint(x)", "step:fit", "foreach:lr in rates"),
            kit.code("print(x, lr)", "step:after"),
        ),
        {"rates": []},
        id="no-items",
    ),
    pytest.param(
        (
            kit.code("sizes = [2, 3]", "parameters"),
            kit.code("import numpy as np\nimport random", "imports"),
            kit.code("random.seed(3)", "step:begin"),
            kit.code(
                "random.seed(n)\nx = [random.random() for _ in range(n)]",
                "step:fit",
                "foreach:n in sizes",
            ),
            kit.code(
                "print(x, random.random(), np.sum([np.ones(n) for n in sizes][0]))", "step:end"
            ),
        ),
        {},
        id="seeded-in-the-loop",
    ),
]


@pytest.mark.parametrize(("cells", "given"), EQUAL)
def test_run__loop__equals_a_for_statement_that_collects(
    tmp_path: Path, cells: tuple[kit.JSON, ...], given: dict[str, object]
) -> None:
    """Every cell prints what it prints in a plain run, with the item's name before it."""
    path = kit.write(tmp_path / "n.ipynb", *cells)

    run = api.run(path, given, jobs=2, home=tmp_path / "home", track=False)
    again = api.run(path, given, jobs=2, home=tmp_path / "home", track=False)

    assert run.state is RunState.SUCCEEDED
    expected = PlainRun(path, given).printed
    assert [loop_kit.shown(run, index) for index in range(len(cells))] == expected
    assert [loop_kit.shown(again, index) for index in range(len(cells))] == expected
    assert all(step.is_cached or loop_kit.facts(step).get("items") == [] for step in again.steps)


def random_notebook(seed: int) -> tuple[kit.JSON, ...]:
    """Return a notebook of steps and loops that compute with what was made before them."""
    chosen = random.Random(seed)  # noqa: S311 - no secret
    lists = {"p": [chosen.randint(0, 9) for _ in range(chosen.randint(0, 3))], "q": ["x", 2.5]}
    cells = [kit.code("\n".join(f"{n} = {v!r}" for n, v in lists.items()), "parameters")]
    names = ["p", "q"]
    for number in range(5):
        read = chosen.sample(names, min(len(names), chosen.randint(1, 2)))
        tags = [f"step:s{number}"]
        if chosen.random() < 0.6:
            tags.append(f"foreach:i{number} in {chosen.choice('pq')}")
            read.append(f"i{number}")
        names.append(f"v{number}")
        cells.append(kit.code(f"v{number} = [{', '.join(read)}]\nprint(v{number})", *tags))
        if chosen.random() < 0.5:
            cells.append(kit.code(f"v{number}.append(len(v{number}))", f"step:s{number}"))
    return (*cells, kit.code(f"print({', '.join(names)})", "step:last"))


@pytest.mark.parametrize("seed", range(6))
def test_run__random_loops__equal_for_statements_that_collect(tmp_path: Path, seed: int) -> None:
    """Whatever is nested in whatever."""
    path = kit.write(tmp_path / "n.ipynb", *random_notebook(seed))

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    expected = PlainRun(path, {}).printed
    assert run.state is RunState.SUCCEEDED
    assert [loop_kit.shown(run, index) for index in range(len(expected))] == expected


# -- results -------------------------------------------------------------------------------------
def executions(folder: Path) -> dict[str, int]:
    """Return item -> how many times the line of COUNT was executed for it."""
    return {path.stem: len(path.read_text()) for path in sorted(folder.glob("*.log"))}


def test_run__an_item_changed_and_one_was_added__only_these_run(tmp_path: Path) -> None:
    """Wherever the others stand in the list now; what comes after sees the new list."""
    path = kit.write(tmp_path / "n.ipynb", *loop_kit.FIT)
    home = tmp_path / "home"

    first = api.run(path, jobs=2, home=home, track=False)
    plan = api.plan(path, {"rates": [7, 3, 1, 8]}, home=home)
    second = api.run(path, {"rates": [7, 3, 1, 8]}, jobs=2, home=home, track=False)
    third = api.run(path, {"rates": [1, 2, 3]}, jobs=2, home=home, track=False)

    assert loop_kit.shown(first, 3) == ["[11, 12, 13]\n"]
    assert loop_kit.shown(second, 3) == ["[17, 13, 11, 18]\n"]
    assert loop_kit.states(second) == {
        "fit": "SUCCEEDED",
        "fit[0]": "SUCCEEDED",
        "fit[1]": "SUCCEEDED*",
        "fit[2]": "SUCCEEDED*",
        "fit[3]": "SUCCEEDED",
        "best": "SUCCEEDED",
    }
    assert set(loop_kit.states(third).values()) == {"SUCCEEDED*"}
    assert [(step.name, step.verdict, step.reasons) for step in plan.steps] == [
        (
            "fit",
            Verdict.RUN,
            ("2 of 4 items found, 2 would run", "never run for lr = 7", "never run for lr = 8"),
        ),
        ("best", Verdict.MAYBE, ("depends on what 'fit' gives",)),
    ]
    assert [(item.text, item.verdict) for item in plan.steps[0].items or ()] == [
        ("lr = 7", Verdict.RUN),
        ("lr = 3", Verdict.FOUND),
        ("lr = 1", Verdict.FOUND),
        ("lr = 8", Verdict.RUN),
    ]


def test_run__loop__is_one_step_with_items(tmp_path: Path) -> None:
    """Metrics are series in the order of the items, and no single number."""
    path = kit.write(tmp_path / "n.ipynb", *loop_kit.FIT)

    run = api.run(path, jobs=1, home=tmp_path / "home", track=False)

    fit = loop_kit.facts(run.steps[0])
    assert [(item["text"], item["state"], item["is_cached"]) for item in fit["items"]] == [
        ("lr = 1", "SUCCEEDED", False),
        ("lr = 2", "SUCCEEDED", False),
        ("lr = 3", "SUCCEEDED", False),
    ]
    assert fit["series"] == {"score": [11, 12, 13]}
    assert "metrics" not in fit
    assert run.metrics == ()
    assert sorted(path.name for path in Path(run.directory, "steps").iterdir()) == [
        "01-fit.0",
        "01-fit.1",
        "01-fit.2",
        "02-best",
    ]
    lines = Path(run.directory, "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [(e["kind"], e["step"]) for e in events if e["kind"].startswith("step_")] == [
        ("step_started", "fit"),
        ("step_finished", "fit"),
        ("step_started", "best"),
        ("step_finished", "best"),
    ]
    document = api.run_document(run)["steps"][0]["items"][1]  # type: ignore[index]  # JSON
    assert (document["text"], document["state"], document["error"]) == ("lr = 2", "SUCCEEDED", None)


def test_run__code_of_the_step_changed__all_items_run(tmp_path: Path) -> None:
    """The plan says why once for all of them."""
    path = kit.write(tmp_path / "n.ipynb", *loop_kit.FIT)
    home = tmp_path / "home"
    api.run(path, jobs=2, home=home, track=False)
    kit.write(
        path,
        *loop_kit.FIT[:1],
        kit.code("score = lr - base", "step:fit", "foreach:lr in rates"),
        *loop_kit.FIT[2:],
    )

    plan = api.plan(path, home=home)

    assert plan.steps[0].reasons == ("3 of 3 items would run", "cell 1 changed at line 1")


def test_run__list_is_read_whole__an_added_item_runs_all_again(tmp_path: Path) -> None:
    """Each item depends on the list then."""
    cells = (
        loop_kit.FIT[0],
        kit.code(COUNT + "share = lr / len(rates)", "step:fit", "foreach:lr in rates"),
        kit.code("print(share)", "step:best"),
    )
    path = kit.write(tmp_path / "n.ipynb", *cells)
    home = tmp_path / "home"

    api.run(path, jobs=2, home=home, track=False)
    second = api.run(path, {"rates": [1, 2, 3, 4]}, jobs=2, home=home, track=False)

    assert loop_kit.shown(second, 2) == ["[0.25, 0.5, 0.75, 1.0]\n"]
    assert executions(tmp_path) == {"1": 2, "2": 2, "3": 2, "4": 1}


def test_run__only_from_and_until__mean_all_items(tmp_path: Path) -> None:
    """By the name of the step."""
    path = kit.write(tmp_path / "n.ipynb", *loop_kit.FIT)
    home = tmp_path / "home"
    with pytest.raises(UsageError, match="step 'fit' has no stored result for lr = 1 that holds"):
        api.plan(path, home=home, only=["best"])

    until = api.run(path, jobs=2, home=home, track=False, until=["fit"])
    only = api.run(path, jobs=2, home=home, track=False, only=["best"])
    start = api.run(path, jobs=2, home=home, track=False, start_from=["fit"])
    with pytest.raises(UsageError, match=r"there is no step 'fit\[0\]'"):
        api.plan(path, home=home, only=["fit[0]"])

    assert loop_kit.states(until)["best"] == "SKIPPED"
    assert loop_kit.states(only) == {
        **{f"fit[{number}]": "SUCCEEDED*" for number in range(3)},
        "fit": "SUCCEEDED*",
        "best": "SUCCEEDED",
    }
    assert set(loop_kit.states(start).values()) == {"SUCCEEDED"}


# -- failures ------------------------------------------------------------------------------------
BROKEN = (
    kit.code("rates = [1, 2, 3, 4]", "parameters"),
    kit.code("import os", "imports"),
    kit.code(COUNT + "print(lr)", "step:fit", "foreach:lr in rates", "checkpoint:on", "cache:on"),
    kit.code("if lr % 2 == 0 and not os.path.exists('ok'):\n    raise ValueError(lr)\nx = lr"),
    kit.code("print(x)", "step:after"),
    kit.code("print('side')", "step:side"),
)


def test_run__items_fail__the_others_go_on_and_resume_runs_the_failed_ones(
    tmp_path: Path,
) -> None:
    """The step FAILED for the first of them; a checkpoint is that of its item."""
    path = kit.write(tmp_path / "n.ipynb", *BROKEN)
    home = tmp_path / "home"

    first = api.run(path, jobs=1, home=home, track=False)
    (tmp_path / "ok").touch()
    second = api.resume(home=home, jobs=2, track=False)

    assert first.state is RunState.FAILED
    assert loop_kit.states(first) == {
        "fit": "FAILED",
        "fit[0]": "SUCCEEDED",
        "fit[1]": "FAILED",
        "fit[2]": "SUCCEEDED",
        "fit[3]": "FAILED",
        "after": "SKIPPED",
        "side": "SUCCEEDED",
    }
    assert first.steps[0].reason == (
        "item 1 (lr = 2): cell 3, line 2: ValueError: 2 (and 1 more item)"
    )
    assert loop_kit.step_of(first, "after").reason == "step 'fit' failed"
    assert first.steps[0].error is not None
    assert first.steps[0].error.cell_index == 3
    assert [log.item for log in api.find_logs(first)] == [f"lr = {n}" for n in (1, 2, 3, 4)]
    assert loop_kit.states(second) == {
        "fit": "SUCCEEDED",
        "fit[0]": "SUCCEEDED*",
        "fit[1]": "SUCCEEDED",
        "fit[2]": "SUCCEEDED*",
        "fit[3]": "SUCCEEDED",
        "after": "SUCCEEDED",
        "side": "SUCCEEDED*",
    }
    assert executions(tmp_path) == dict.fromkeys("1234", 1)
    assert loop_kit.shown(second, 4) == ["[1, 2, 3, 4]\n"]
    assert [text for text in loop_kit.shown(second, 2) if not text.startswith("fit[")] == [
        f"{n}\n" for n in (1, 2, 3, 4)
    ]


def test_run__retry_and_tests__are_per_item(tmp_path: Path) -> None:
    """An item that fails once is tried again alone."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2, 3]", "parameters"),
        kit.code(
            COUNT + "if lr == 2 and len(open('2.log').read()) < 2:\n    raise ValueError\nx = lr",
            "step:fit",
            "foreach:lr in rates",
            "retry:1",
        ),
        kit.code("assert x < 3, f'no {x}'", "test"),
    )

    run = api.run(path, jobs=3, home=tmp_path / "home", track=False)

    fit = loop_kit.facts(run.steps[0])
    assert [item["facts"].get("attempts") for item in fit["items"]] == [1, 2, 2]
    assert run.steps[0].reason == "item 2 (lr = 3): cell 2, line 1: AssertionError: no 3"
    assert executions(tmp_path) == {"1": 1, "2": 2, "3": 2}


def test_run__timeout__is_per_item(tmp_path: Path) -> None:
    """One that takes too long fails alone."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [0, 60]", "parameters"),
        kit.code("import time\ntime.sleep(lr)", "step:fit", "foreach:lr in rates", "timeout:4s"),
    )

    run = api.run(path, jobs=2, home=tmp_path / "home", track=False)

    assert loop_kit.states(run) == {"fit": "FAILED", "fit[0]": "SUCCEEDED", "fit[1]": "FAILED"}
    assert run.steps[0].reason == "item 1 (lr = 60): it took longer than its timeout of 4 s"


@pytest.mark.parametrize(
    ("cell", "given", "error", "message"),
    [
        pytest.param(
            "rates: list | None = None",
            {},
            UsageError,
            "parameter 'rates': step 'fit' runs for each of its items, and it is None",
            id="none",
        ),
        pytest.param("rates = [1]", {"rates": 5}, UsageError, "parameter 'rates'", id="number"),
        pytest.param(
            "rates = [(1, 2)]", {}, CompileError, "which has tuples in it", id="tuples-as-items"
        ),
        pytest.param("rates = 3", {}, CompileError, "a parameter of type int", id="no-list"),
    ],
)
def test_run__nothing_to_run_over__is_refused_before_anything_is_made(
    tmp_path: Path, cell: str, given: dict[str, object], error: type[Exception], message: str
) -> None:
    """The message says what is wrong with the list."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code(cell, "parameters"),
        kit.code("x = lr", "step:fit", "foreach:lr in rates"),
    )

    with pytest.raises(error, match=re.escape(message)):
        api.run(path, given, home=tmp_path / "home", track=False)

    assert not (tmp_path / "home").exists()


def test_run__items_write_one_file__they_run_in_order(tmp_path: Path) -> None:
    """As in a for statement; when one is new, those before it write again."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2, 3, 4]", "parameters"),
        kit.code(
            "import time\ntime.sleep((5 - lr) / 20)\nwith open('all.txt', 'a') as f:\n"
            "    f.write(f'{lr} ')\nx = lr",
            "step:fit",
            "foreach:lr in rates",
        ),
        kit.code("print(open('all.txt').read())", "step:after", "prev:fit"),
    )

    run = api.run(path, jobs=4, home=tmp_path / "home", track=False)

    assert loop_kit.shown(run, 2) == ["1 2 3 4 \n"]


def test_run__items_write_one_file_by_a_computed_name__is_said(tmp_path: Path) -> None:
    """What is in it is up to chance, which could not be told before."""
    path = kit.write(
        tmp_path / "n.ipynb",
        kit.code("rates = [1, 2]", "parameters"),
        kit.code("open(str(lr * 0) + '.txt', 'w').write('x')", "step:fit", "foreach:lr in rates"),
    )
    reporter = local_kit.RememberingReporter()

    api.run(path, jobs=1, home=tmp_path / "home", track=False, reporter=reporter)

    expected = (
        f"step 'fit': its items 0, 1 wrote {tmp_path / '0.txt'}, maybe at the same time: give each"
        " a file of its own"
    )
    assert expected in reporter.lines
