"""The loops of steps: what they run over, what flows in and out, and what cannot be."""

import pytest
from percent import edges_of, pipeline_of

from kernelpipe.model.pipeline import InputPort, Loop

RATES = "# %% parameters\nrates = [0.1, 0.2]\nlr = 0.5\n"


def test_loop__list_parameter__binds_the_variable_before_the_step() -> None:
    """The step takes the list; what the variable was before does not reach it."""
    pipeline = pipeline_of(
        RATES + "# %% step:a\nlr = 9\nn = 2\n# %% step:fit foreach:lr in rates\nscore = lr * n\n"
        "# %% step:best\nprint(max(score), lr)\n"
    )

    assert pipeline.diagnostics == ()
    fit = pipeline.steps[1]
    assert fit.loop == Loop(variable="lr", parameter="rates")
    assert fit.inputs == (
        InputPort(name="n", source=pipeline.steps[0].name),
        InputPort(name="rates", source=None),
    )
    assert edges_of(pipeline) == "a->fit: n; fit->best: lr, score"
    assert [step.loop for step in pipeline.steps if step.name != "fit"] == [None, None]


def test_loop__variable_only_read_by_a_function_of_setup__is_read() -> None:
    """A function reads its globals when it is called."""
    pipeline = pipeline_of(
        RATES + "# %% functions\ndef double():\n    return 2 * lr\n"
        "# %% step:fit foreach:lr in rates\nscore = double()\n"
    )

    assert pipeline.errors() == ()


@pytest.mark.parametrize("code", ["%%time\nscore = lr", "!echo {lr}", "%timeit lr * 2"])
def test_loop__variable_only_read_by_a_magic__is_read(code: str) -> None:
    """IPython makes calls of magics, with code as text."""
    pipeline = pipeline_of(RATES + f"# %% step:fit foreach:lr in rates\n{code}\n")

    assert pipeline.errors() == ()


def test_loop__cell_is_no_python__is_all_that_is_said() -> None:
    """What it reads nobody knows."""
    pipeline = pipeline_of(RATES + "# %% step:fit foreach:lr in rates\nscore = (lr\n")

    assert [found.code for found in pipeline.errors()] == ["KP201"]


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        pytest.param(
            RATES + "# %% step:a foreach:lr in rate\nx = lr\n",
            "KP310",
            "step 'a' runs for each item of 'rate', which is no parameter",
            "did you mean 'rates'?",
            id="near",
        ),
        pytest.param(
            RATES + "# %% step:a foreach:x in lr\ny = x\n",
            "KP310",
            "step 'a' runs for each item of 'lr', which is a parameter of type float",
            "the lists are: rates",
            id="no-list",
        ),
        pytest.param(
            "# %% step:a foreach:x in things\ny = x\n",
            "KP310",
            "step 'a' runs for each item of 'things', which is no parameter",
            "assign a list to 'things' in a cell tagged 'parameters'",
            id="none",
        ),
        pytest.param(
            "# %% parameters\nn = 3\nthings = list(range(n))\n# %% step:a foreach:x in things\n"
            "y = x\n",
            "KP310",
            "step 'a' runs for each item of 'things', which is no parameter: the parameters cell"
            " computes it",
            "write the list as a literal: things = [...]",
            id="computed",
        ),
        pytest.param(
            RATES + "# %% step:b\nrates = rates + [1]\n# %% step:a foreach:lr in rates\nx = lr\n",
            "KP310",
            "step 'a' runs for each item of 'rates', which step 'b' changes",
            "how often a step runs must be known before the run: give the changed list another"
            " name",
            id="changed",
        ),
        pytest.param(
            RATES + "rates.append(1)\n# %% step:a foreach:lr in rates\nx = lr\n",
            "KP310",
            "step 'a' runs for each item of 'rates', which cell 0 changes",
            "how often a step runs must be known before the run: give the changed list another"
            " name",
            id="changed-by-the-parameters-cell",
        ),
        pytest.param(
            RATES + "# %% imports\nrates = [1]\n# %% step:a foreach:lr in rates\nx = lr\n",
            "KP310",
            "step 'a' runs for each item of 'rates', which cell 1 changes",
            "how often a step runs must be known before the run: give the changed list another"
            " name",
            id="bound-anew-by-setup",
        ),
        pytest.param(
            "# %% parameters\npairs: list = [(1, 2)]\n# %% step:a foreach:p in pairs\nx = p\n",
            "KP310",
            "step 'a' runs for each item of 'pairs', which has tuples in it: parameters are JSON,"
            " so that each would come as a list",
            "write the items as lists",
            id="tuples",
        ),
        pytest.param(
            RATES + "# %% step:a foreach:lr in rates\nimport math as m\nx = lr\n"
            "# %% step:b\nm.fsum(x)\n",
            "KP317",
            "step 'a' imports 'm' for each item, and later steps would see a list of them",
            "import it in a cell tagged 'imports'",
            id="imports",
        ),
        pytest.param(
            RATES + "# %% step:a foreach:lr in rates register:best:x\nx = lr\n",
            "KP316",
            "step 'a' registers a model, and makes one for each item",
            "choose one in a later step, and register it there",
            id="registers",
        ),
        pytest.param(
            RATES + "# %% step:a foreach:l in rates\nx = lr\n",
            "KP311",
            "step 'a' runs for each 'l', which it does not read",
            "did you mean 'lr'?",
            id="not-read",
        ),
        pytest.param(
            RATES + "# %% step:a foreach:rates in rates\nx = rates\n",
            "KP311",
            "step 'a' runs for each 'rates', which it does not read",
            "every item would give the same: use 'rates' in the step",
            id="itself",
        ),
    ],
)
def test_loop__cannot_be__is_an_error_at_its_cell(
    text: str, code: str, message: str, hint: str
) -> None:
    """How often a step runs, and with what, is known before the run."""
    (found,) = pipeline_of(text).errors()

    assert (found.code, found.message, found.hint) == (code, message, hint)
    assert found.location.cell_index is not None


def test_loop__tuple_of_numbers__is_a_list() -> None:
    """What it holds is JSON."""
    pipeline = pipeline_of(
        "# %% parameters\nrates = (1, 2)\nn = len(rates)\nprint(sorted(rates))\n"
        "# %% step:a foreach:lr in rates\nx = lr\n"
    )

    assert pipeline.diagnostics == ()


SETUP = "# %% imports\nimport os\nimport random\nimport pandas as pd\n"
BEFORE = "# %% step:first\nfound = {}\ntotal = 0\ndf = pd.DataFrame({'x': [1]})\nrandom.seed(1)\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param(
            "found[lr] = 1",
            "changes 'found' in place: each item changes a copy of its own",
            id="change",
        ),
        pytest.param(
            "total += lr",
            "reads 'total' and binds it anew: each item begins with that from before the step",
            id="accumulates",
        ),
        pytest.param(
            "if lr > 1:\n    total = lr",
            "reads 'total' and binds it anew: each item begins with that from before the step",
            id="may-keep-it",
        ),
        pytest.param(
            "x = lr * random.random()",
            "changes the random numbers of random: each item begins with that from before the step",
            id="seeded-before",
        ),
        pytest.param(
            "os.chdir(str(lr))",
            "changes the working directory: each item begins with that from before the step",
            id="directory",
        ),
    ],
)
def test_loop__item_would_find_what_another_left__is_warned_of(code: str, message: str) -> None:
    """Items run apart from each other, a for statement does not."""
    text = RATES + SETUP + BEFORE + f"# %% step:fit foreach:lr in rates\n{code}\n"

    pipeline = pipeline_of(text + "# %% step:last\nprint(total, df)\n")

    assert pipeline.errors() == ()
    assert [(d.code, d.message) for d in pipeline.diagnostics] == [
        ("KP315", f"step 'fit' {message}")
    ]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("random.seed(lr)\nx = random.random()", id="own-seed"),
        pytest.param("total = 0\ntotal += lr\nx = total", id="bound-first"),
        pytest.param("x = df.head(lr)\ny = sum(found)", id="only-read"),
        pytest.param("os.environ['X'] = str(lr)", id="variable"),
        pytest.param("x = df.assign(y=lr)", id="new-name"),
    ],
)
def test_loop__items_apart_are_as_in_a_for_statement__nothing_is_said(code: str) -> None:
    """Each item computes from what was there before the step."""
    text = RATES + SETUP + BEFORE + f"# %% step:fit foreach:lr in rates\n{code}\n"

    assert pipeline_of(text).diagnostics == ()


@pytest.mark.parametrize(
    ("code", "is_ordered"),
    [
        pytest.param("open('all.txt', 'a').write(str(lr))", True, id="one-file"),
        pytest.param("open(f'{lr}.txt', 'w').write('x')", False, id="a-file-each"),
        pytest.param("x = open('all.txt').read() * lr", False, id="reads"),
    ],
)
def test_loop__writes_files__is_ordered_if_they_have_one_name(
    code: str, *, is_ordered: bool
) -> None:
    """Else what is in the file at the end were up to chance."""
    (step,) = pipeline_of(RATES + f"# %% step:fit foreach:lr in rates\n{code}\n").steps

    assert step.loop == Loop(variable="lr", parameter="rates", is_ordered=is_ordered)


LOOP = """# %% parameters
L = [1, 2]
# %% imports
from functools import partial
import pandas as pd
from scipy.optimize import minimize
from sklearn.preprocessing import FunctionTransformer
# %% functions
def read():
    return x
# %% step:a foreach:x in L
"""


@pytest.mark.parametrize(
    ("code", "name", "hint"),
    [
        pytest.param(
            "def f(a):\n    return a * x\ny = f",
            "x",
            "bind it as a default argument: def f(..., x=x)",
            id="function",
        ),
        pytest.param(
            "k = x * 2\ndef f(a): return a * k\ny = f",
            "k",
            "bind it as a default argument: def f(..., k=k)",
            id="name-made-of-the-variable",
        ),
        pytest.param(
            "y = lambda a: a * x",
            "x",
            "bind it as a default argument: lambda ..., x=x: ...",
            id="lambda",
        ),
        pytest.param(
            "class K:\n    def get(self): return x\ny = K()",
            "x",
            "keep it in the object: self.x = x in __init__",
            id="instance",
        ),
        pytest.param(
            "class K:\n    def get(self): return x\ny = K",
            "x",
            "keep it in the object: self.x = x in __init__",
            id="class",
        ),
        pytest.param(
            "class K:\n    def get(self): return x\ny = K().get",
            "x",
            "keep it in the object: self.x = x in __init__",
            id="bound-method",
        ),
        pytest.param(
            "class B:\n    def get(self): return x\nclass K(B): pass\ny = K()",
            "x",
            "keep it in the object: self.x = x in __init__",
            id="inherited",
        ),
        pytest.param(
            "class K:\n    def __init__(self, f): self.f = f\ny = K(lambda: x).f",
            "x",
            "bind it as a default argument: lambda ..., x=x: ...",
            id="attribute",
        ),
        pytest.param(
            "y = {}\ny['f'] = [lambda: x]",
            "x",
            "bind it as a default argument: lambda ..., x=x: ...",
            id="in-containers",
        ),
        pytest.param(
            "def f(a, b): return a * b * x\ny = partial(f, 1)",
            "x",
            "bind it as a default argument: def f(..., x=x)",
            id="partial",
        ),
        pytest.param(
            "def y():\n    yield x",
            "x",
            "bind it as a default argument: def y(..., x=x)",
            id="generator",
        ),
        pytest.param(
            "def make():\n    return lambda: x\ny = make()",
            "x",
            "bind it as a default argument: lambda ..., x=x: ...",
            id="made-by-a-function",
        ),
        pytest.param(
            "def y():\n    return lambda: x",
            "x",
            "bind it as a default argument: lambda ..., x=x: ...",
            id="makes-a-function",
        ),
        pytest.param(
            "z = x\ny = read",
            "x",
            "bind it as a default argument: def read(..., x=x)",
            id="of-setup",
        ),
        pytest.param(
            "z = x\ndef y(): return read()",
            "x",
            "bind it as a default argument: def y(..., x=x)",
            id="calls-one-of-setup",
        ),
        pytest.param(
            "z = x\ndef y(): return eval('x')",
            "x",
            "bind it as a default argument: def y(..., x=x)",
            id="text",
        ),
        pytest.param(
            "z = x\ndef y(n): return n and y(n - 1)",
            "y",
            "define 'y' in a cell tagged 'functions'",
            id="itself",
        ),
        pytest.param(
            "y = FunctionTransformer(lambda a: a * x)",
            "x",
            "bind it as a default argument: lambda ..., x=x: ...",
            id="transformer",
        ),
    ],
)
def test_loop__hands_on_code_that_reads_what_differs_per_item__is_an_error(
    code: str, name: str, hint: str
) -> None:
    """When it is called, the name is the list of all items."""
    (found,) = pipeline_of(f"{LOOP}{code}\n# %% step:b\nprint(y)\n").errors()

    said = f"step 'a' hands on 'y' with code that reads '{name}' when it is called, and later steps"
    assert (found.code, found.message, found.hint) == (
        "KP318",
        f"{said} see the list of all '{name}'",
        hint,
    )


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def f(a, x=x): return a * x\ny = f", id="default-argument"),
        pytest.param("y = lambda a, x=x: a * x", id="lambda"),
        pytest.param("def f(a, x): return a * x\ny = partial(f, x=x)", id="partial"),
        pytest.param("def outer(v):\n    return lambda a: a * v\ny = outer(x)", id="closure"),
        pytest.param(
            "class K:\n    def __init__(self): self.v = x\n    def get(self): return self.v\n"
            "y = K()",
            id="object",
        ),
        pytest.param(
            "class T:\n    def fit(self): self.score = x\nt = T()\nt.fit()\ny = t.score",
            id="result-of-a-method",
        ),
        pytest.param("def f(a): return {'r': a * x, 'l': [a]}\ny = f(1)", id="result"),
        pytest.param(
            "df = pd.DataFrame({'a': [1]})\ndf['b'] = df['a'].map(lambda r: r * x)\n"
            "y = df.apply(lambda r: r * x)",
            id="frame",
        ),
        pytest.param("y = sorted([3, 1], key=lambda r: r * x)", id="sorted"),
        pytest.param("y = list(map(lambda r: r * x, [1, 2]))", id="map"),
        pytest.param(
            "p0 = [1]\nres = minimize(lambda p: (p - x) ** 2, p0)\ny = res, res.x, p0",
            id="called-by-a-library",
        ),
    ],
)
def test_loop__hands_on_data_or_code_that_has_its_own__nothing_is_said(code: str) -> None:
    """What is bound where a function is made goes with it; what a function gave is no function."""
    assert pipeline_of(f"{LOOP}{code}\n# %% step:b\nprint(y)\n").diagnostics == ()


@pytest.mark.parametrize("code", ["def y():\n    return 1", "class y:\n    v = 1"])
def test_loop__hands_on_a_definition_that_is_the_same_for_all__is_warned_of(code: str) -> None:
    """A list cannot be called."""
    (found,) = pipeline_of(f"{LOOP}z = x\n{code}\n# %% step:b\nprint(y())\n").diagnostics

    assert (found.code, found.message, found.hint) == (
        "KP319",
        "step 'a' defines 'y' for each item, and later steps see a list of them",
        "define it in a cell tagged 'functions'",
    )


SHARING = (
    "# %% parameters\nla = [[1], [2]]\n# %% functions\nimport copy\nimport numpy as np\nLOG = []\n"
)
OUTER = "# %% step:one\na = [0]\nX = np.arange(3)\n"


@pytest.mark.parametrize(
    ("loop", "later", "message"),
    [
        pytest.param(
            "a.append(it)",
            "print(a)",
            ["changes 'a' in place for each item, and later steps use it"],
            id="changes-in-place",
        ),
        pytest.param(
            "z = [a, it]",
            "z[0][0].append(5)\nprint(a, z)",
            [
                "hands on 'z', which may hold what a later step changes",
                "hands on what may hold 'a', and a later step changes one of them",
            ],
            id="keeps",
        ),
        pytest.param(
            "z = a\nprint(it)",
            "a.append(1)\nprint(a, z)",
            [
                "hands on 'z', which may hold what a later step changes",
                "hands on what may hold 'a', and a later step changes one of them",
            ],
            id="is",
        ),
        pytest.param(
            "v = X[len(it):]",
            "X[2] = 9\nprint(v)",
            [
                "hands on 'v', which may hold what a later step changes",
                "hands on what may hold 'X', and a later step changes one of them",
            ],
            id="view",
        ),
        pytest.param(
            "z = [LOG, it]",
            "z[0].append(5)\nprint(LOG, z)",
            [
                "hands on what may hold 'LOG', and a later step changes one of them",
                "hands on 'z', which may hold what a later step changes",
            ],
            id="of-setup",
        ),
        pytest.param(
            "z = [it]",
            "z[0][0].append(6)\nprint(la, z)",
            [
                "hands on what may hold 'la', and a later step changes one of them",
                "hands on 'z', which may hold what a later step changes",
            ],
            id="the-list",
        ),
    ],
)
def test_loop__later_step_changes_what_copies_share__is_an_error(
    loop: str, later: str, message: list[str]
) -> None:
    """One object has become several, so a change of one would not be seen through the others."""
    pipeline = pipeline_of(
        SHARING + OUTER + f"# %% step:fit foreach:it in la\n{loop}\n# %% step:last\n{later}\n"
    )

    assert sorted(d.message for d in pipeline.errors()) == [
        f"step 'fit' {each}: each item has a copy of its own" for each in sorted(message)
    ]
    assert {d.code for d in pipeline.errors()} == {"KP320"}


@pytest.mark.parametrize(
    ("loop", "later"),
    [
        pytest.param("z = [a, it]", "print(a, z)", id="nothing-is-changed"),
        pytest.param("z = copy.deepcopy([a, it])", "a.append(1)\nprint(a, z)", id="copied"),
        pytest.param("z = [it[0]]\nw = [z]", "w[0][0].append(5)\nprint(z, w)", id="of-one-item"),
        pytest.param("z = len(it)", "z.append(5)\nprint(z)", id="list-of-the-items"),
        pytest.param("v = X[len(it):].copy()", "X[2] = 9\nprint(v)", id="copied-view"),
    ],
)
def test_loop__copies_are_as_good__is_no_error(loop: str, later: str) -> None:
    """Values that nothing ties to others any more are handed on."""
    pipeline = pipeline_of(
        SHARING + OUTER + f"# %% step:fit foreach:it in la\n{loop}\n# %% step:last\n{later}\n"
    )

    assert pipeline.diagnostics == ()
