"""The findings of analysis, KP2xx (data flow) and KP3xx (graph): what each means and why."""

from kernelpipe.analysis import order_rules
from kernelpipe.analysis.magic_rules import MAGIC_RULES
from kernelpipe.model.diagnostic import Severity
from kernelpipe.notebook.rules import Rule

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

SYNTAX = Rule(
    code="KP201",
    name="invalid-python",
    severity=_ERROR,
    why="A cell that is not valid Python stops the notebook there, and nothing can be said of "
    "what it would have defined.",
    bad="# %% step:a\nx = (1\n",
    good="# %% step:a\nx = (1)\n",
)
UNDEFINED = Rule(
    code="KP203",
    name="undefined-name",
    severity=_ERROR,
    why="Run from top to bottom, the notebook would stop here with a NameError: no cell defines "
    "the name. Often it is misspelt, or the cell that defined it was deleted while the session "
    "still had the value.",
    bad="# %% step:a\nx_train = [1]\n# %% step:b\nprint(X_train)\n",
    good="# %% step:a\nx_train = [1]\n# %% step:b\nprint(x_train)\n",
)
DELETED = Rule(
    code="KP204",
    name="deleted-name",
    severity=_ERROR,
    why="The name was deleted by an earlier cell, so the notebook would stop here.",
    bad="# %% step:a\nx = 1\ndel x\n# %% step:b\nprint(x)\n",
    good="# %% step:a\nx = 1\n# %% step:b\nprint(x)\n",
)
HISTORY = Rule(
    code="KP205",
    name="output-history",
    severity=_ERROR,
    why="'_', 'In', 'Out' and their like depend on how often and in which order cells were run. "
    "In a pipeline each step is a session of its own.",
    bad="# %% step:a\n1 + 1\n# %% step:b\nprint(_)\n",
    good="# %% step:a\ntotal = 1 + 1\n# %% step:b\nprint(total)\n",
)
SETUP_JOINS_STEP = Rule(
    code="KP207",
    name="setup-depends-on-step",
    severity=_INFO,
    why="Setup runs at the start of every step. A setup cell that reads what a step made, "
    "a value or a file, cannot, so it becomes part of the step above it; what it defines travels "
    "as values.",
    bad="# %% step:a\nn = 3\n# %% functions\nm = n * 2\n# %% step:b\nprint(m)\n",
    good="# %% step:a\nn = 3\nm = n * 2\n# %% step:b\nprint(m)\n",
)
SETUP_RUNS_ONCE = Rule(
    code="KP208",
    name="setup-differs",
    severity=_INFO,
    why="Setup runs at the start of every step. A value that is another one each time (a clock, "
    "a random number, a temporary directory) would differ between steps, and a file that steps "
    "write, too, would be written anew, so the cell becomes a step of its own, which runs once.",
    bad="import time\nstart = time.time()\n# %% step:a\nprint(start)\n# %% step:b\nprint(start)\n",
    good="# %% step:a\nimport time\nstart = time.time()\nprint(start)\n# %% step:b\nprint(start)\n",
)
PARAMETERS_READ_STEP = Rule(
    code="KP209",
    name="parameters-depend",
    severity=_ERROR,
    why="Parameters are set before anything runs, so their cell can use neither what a step made "
    "nor a value that differs between steps.",
    bad="# %% step:a\nn = 1\n# %% parameters\nlr = n\n# %% step:b\nprint(lr)\n",
    good="# %% parameters\nlr = 1\n# %% step:a\nn = lr\n# %% step:b\nprint(lr)\n",
)
LIBRARY_CHANGED = Rule(
    code="KP212",
    name="library-changed",
    severity=_ERROR,
    why="A step that sets an attribute of a library, or calls a function that changes a module "
    "beside the notebook, does so in its own session only; the steps after it would not see the "
    "change, as the cells of the notebook do. Nor do they keep a module whose file was written "
    "anew since it was imported: each imports the file as it is.",
    bad="# %% step:a\nimport json\njson.limit = 3\n# %% step:b\nprint(json.limit)\n",
    good="# %% imports\nimport json\njson.limit = 3\n# %% step:b\nprint(json.limit)\n",
)
UNSTORABLE = Rule(
    code="KP211",
    name="cannot-be-stored",
    severity=_ERROR,
    why="Values reach other steps through files. A generator, an open file, a connection, a "
    "lock or a queue cannot be stored.",
    bad="# %% step:a\nsquares = (i * i for i in range(3))\n# %% step:b\nprint(list(squares))\n",
    good="# %% step:a\nsquares = [i * i for i in range(3)]\n# %% step:b\nprint(list(squares))\n",
)
NO_METRIC = Rule(
    code="KP213",
    name="no-metric",
    severity=_WARNING,
    why="A metrics cell reports the values that it assigns or prints by name; this one has none.",
    bad="# %% step:a metrics\nprint('done')\n",
    good="# %% step:a metrics\naccuracy = 0.9\nprint(accuracy)\n",
)
FILE_BETWEEN_STEPS = Rule(
    code="KP215",
    name="file-between-steps",
    severity=_INFO,
    why="A file that one step may write and another may touch ties them in notebook order.",
    bad="# %% step:a\nopen('f', 'w').write('1')\n# %% step:b\nprint(open('f').read())\n",
    good="# %% step:a\ntext = '1'\n# %% step:b\nprint(text)\n",
)
CACHED_EFFECTS = Rule(
    code="KP216",
    name="cached-side-effects",
    severity=_ERROR,
    why="A cached function runs once for each argument in the whole notebook. Each step has a "
    "cache of its own, so it would run again there, which is seen if it prints or changes "
    "something, or if it is asked how often it ran.",
    bad="# %% functions\nfrom functools import cache\n@cache\ndef f(n):\n    print(n)\n"
    "# %% step:a\nf(1)\n# %% step:b\nf(1)\n",
    good="# %% functions\nfrom functools import cache\n@cache\ndef f(n):\n    return n\n"
    "# %% step:a\nf(1)\n# %% step:b\nf(1)\n",
)
UNSEEN_NAMES = Rule(
    code="KP217",
    name="names-only-as-texts",
    severity=_ERROR,
    why="Code in one step binds names that are nowhere written as names, and code in another may "
    "read them the same way; nobody can tell which ones must be handed on.",
    bad="# %% step:a\nfor i in range(2):\n    globals()[f'v{i}'] = i\n"
    "# %% step:b\nprint(globals()['v' + '1'])\n",
    good="# %% step:a\nv = {f'v{i}': i for i in range(2)}\n# %% step:b\nprint(v['v' + '1'])\n",
)
FIGURE_STAYS_OPEN = Rule(
    code="KP218",
    name="figure-stays-open",
    severity=_ERROR,
    why="IPython's backend of matplotlib closes all figures at the end of each cell. With another "
    "backend they stay open, and what a cell draws may go into the figure of a cell before; a step "
    "has no figure of another step.",
    bad="# %% imports\nimport matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
    "# %% step:a\nplt.plot([1, 2])\n# %% step:b\nplt.savefig('lines.png')\n",
    good="# %% imports\nimport matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
    "# %% step:a\nplt.plot([1, 2])\nplt.savefig('lines.png')\n"
    "# %% step:b\nplt.figure()\nplt.plot([3, 4])\n",
)
SUBCLASSES = Rule(
    code="KP219",
    name="subclasses-of-other-steps",
    severity=_ERROR,
    why="A class knows its subclasses in its own process. A step has those of its own and of "
    "setup, and of other steps only the classes that it takes, in no certain order.",
    bad="# %% functions\nclass Base:\n    pass\n# %% step:a\nclass A(Base):\n    pass\n"
    "# %% step:b\nprint(Base.__subclasses__())\n",
    good="# %% functions\nclass Base:\n    pass\nclass A(Base):\n    pass\n# %% step:a\nx = A()\n"
    "# %% step:b\nprint(Base.__subclasses__())\n",
)
NO_STEPS = Rule(
    code="KP301",
    name="no-steps",
    severity=_ERROR,
    why="Without a 'step:NAME' tag there is nothing to run.",
    bad="x = 1\n",
    good="# %% step:a\nx = 1\n",
)
UNKNOWN_STEP = Rule(
    code="KP302",
    name="unknown-step",
    severity=_ERROR,
    why="'prev:' must name a step of this notebook.",
    bad="# %% step:load\nx = 1\n# %% step:b prev:laod\ny = 2\n",
    good="# %% step:load\nx = 1\n# %% step:b prev:load\ny = 2\n",
)
CYCLE = Rule(
    code="KP303",
    name="cycle",
    severity=_ERROR,
    why="Steps that wait for each other never start. It happens when tags 'prev:' lead round in "
    "a circle, or lead against the metric of a gate.",
    bad="# %% step:a prev:b\nx = 1\n# %% step:b prev:a\ny = 2\n",
    good="# %% step:a\nx = 1\n# %% step:b prev:a\ny = 2\n",
)
TWO_VERSIONS = Rule(
    code="KP304",
    name="two-versions",
    severity=_ERROR,
    why="A step runs in one piece. When its cells stand apart and another cell changes a name in "
    "between, it would need the name as it was before and as it is after.",
    bad="# %% step:a\nx = [1]\n# %% step:b\nprint(x)\n# %% step:c\nx.append(2)\n"
    "# %% step:b\nprint(x)\n",
    good="# %% step:a\nx = [1]\n# %% step:b\nprint(x)\n# %% step:c\nx.append(2)\n"
    "# %% step:d\nprint(x)\n",
)
AGAINST_ORDER = Rule(
    code="KP305",
    name="prev-against-notebook-order",
    severity=_WARNING,
    why="'prev:' orders this step after one that stands further down. The data still flows in "
    "notebook order.",
    bad="# %% step:a prev:b\nx = 1\n# %% step:b\ny = 2\n",
    good="# %% step:b\ny = 2\n# %% step:a prev:b\nx = 1\n",
)
HOMELESS = Rule(
    code="KP306",
    name="cell-without-step",
    severity=_ERROR,
    why="A metrics or test cell belongs to the step above it, and there is none.",
    bad="# %% metrics\nprint(1)\n# %% step:a\nx = 1\n",
    good="# %% step:a\nx = 1\n# %% metrics\nprint(x)\n",
)
CONFLICTING_SETTINGS = Rule(
    code="KP307",
    name="conflicting-settings",
    severity=_ERROR,
    why="Settings apply to the whole step, so its cells must agree.",
    bad="# %% step:a memory:1Gi\nx = 1\n# %% step:a memory:2Gi\ny = 1\n",
    good="# %% step:a memory:2Gi\nx = 1\n# %% step:a memory:2Gi\ny = 1\n",
)
GATE_NAME = Rule(
    code="KP308",
    name="unknown-name-in-when",
    severity=_ERROR,
    why="'when:' is looked at before the step starts, so it knows the run's parameters and the "
    "metrics of earlier steps, and no other values.",
    bad="# %% step:a\nacc = 1\n# %% metrics\nacc\n# %% step:b when:accuracy>0.9\nx = 1\n",
    good="# %% step:a\nacc = 1\n# %% metrics\nacc\n# %% step:b when:acc>0.9\nx = 1\n",
)
GATE_TOO_EARLY = Rule(
    code="KP309",
    name="metric-not-yet-known",
    severity=_ERROR,
    why="A gate cannot wait for a metric that its own step or a later one reports.",
    bad="# %% step:a when:acc>0.9\nx = 1\n# %% step:b\nacc = 1\n# %% metrics\nacc\n",
    good="# %% step:b\nacc = 1\n# %% metrics\nacc\n# %% step:a when:acc>0.9\nx = 1\n",
)
LOOP_LIST = Rule(
    code="KP310",
    name="foreach-over-no-list",
    severity=_ERROR,
    why="How often a step runs must be known before the run starts, so 'foreach:' takes a list "
    "parameter, as the parameters cell or the user of the run gives it.",
    bad="# %% parameters\nrates = 0.1\n# %% step:a foreach:lr in rates\nx = lr\n",
    good="# %% parameters\nrates = [0.1]\n# %% step:a foreach:lr in rates\nx = lr\n",
)
LOOP_VARIABLE = Rule(
    code="KP311",
    name="foreach-variable-not-read",
    severity=_ERROR,
    why="A step that does not read the variable of its loop gives the same for each item. Most "
    "often the name in the tag is not the one in the code.",
    bad="# %% parameters\nrates = [0.1]\n# %% step:a foreach:lr in rates\nx = 1\n",
    good="# %% parameters\nrates = [0.1]\n# %% step:a foreach:lr in rates\nx = lr\n",
)
LOOP_CHANGES = Rule(
    code="KP315",
    name="foreach-carries-over",
    severity=_WARNING,
    why="Items run apart from each other, at the same time. What they change in place, bind anew "
    "or take from a random generator is a copy for each: none sees what another did.",
    bad="# %% parameters\nrates = [0.1]\n# %% step:a\nfound = {}\n"
    "# %% step:b foreach:lr in rates\nfound[lr] = 1\nresult = len(found)\n",
    good="# %% parameters\nrates = [0.1]\n# %% step:b foreach:lr in rates\nresult = (lr, 1)\n"
    "# %% step:c\nfound = dict(result)\n",
)
LOOP_MODEL = Rule(
    code="KP316",
    name="foreach-registers-models",
    severity=_ERROR,
    why="'register:' registers one model under its name, and a step that runs once per item makes "
    "one for each. A later step can choose among them and register that one.",
    bad="# %% parameters\nrates = [0.1]\n# %% step:a foreach:lr in rates register:best:x\nx = lr\n",
    good="# %% parameters\nrates = [0.1]\n# %% step:a foreach:lr in rates\nx = lr\n"
    "# %% step:b register:best:y\ny = x[0]\n",
)
LOOP_IMPORT = Rule(
    code="KP317",
    name="foreach-hands-on-imports",
    severity=_ERROR,
    why="Later steps see the list of what the items gave for each name, also for one that an "
    "import binds. A list of modules is of no use; imports in setup run in every step.",
    bad="# %% parameters\nrates = [4]\n# %% step:a foreach:lr in rates\nimport math\n"
    "x = math.sqrt(lr)\n# %% step:b\nprint(math.fsum(x))\n",
    good="# %% parameters\nrates = [4]\n# %% imports\nimport math\n"
    "# %% step:a foreach:lr in rates\nx = math.sqrt(lr)\n# %% step:b\nprint(math.fsum(x))\n",
)
LOOP_FUNCTION = Rule(
    code="KP318",
    name="foreach-hands-on-late-reads",
    severity=_ERROR,
    why="A function reads globals when it is called. After a loop, each name that the items bound "
    "is the list of what they gave, so a function that reads one would compute something else than "
    "in its item. A default argument is bound where the function is made.",
    bad="# %% parameters\nrates = [4]\n# %% step:a foreach:lr in rates\ndef f(a):\n"
    "    return a * lr\n# %% step:b\nprint([g(1) for g in f])\n",
    good="# %% parameters\nrates = [4]\n# %% step:a foreach:lr in rates\ndef f(a, lr=lr):\n"
    "    return a * lr\n# %% step:b\nprint([g(1) for g in f])\n",
)
LOOP_DEFINITION = Rule(
    code="KP319",
    name="foreach-hands-on-definitions",
    severity=_WARNING,
    why="Later steps see the list of what the items gave for each name, also for a function or a "
    "class that is the same in all of them, and a list cannot be called. Setup runs in every step.",
    bad="# %% parameters\nrates = [4]\n# %% step:a foreach:lr in rates\ndef f(a):\n"
    "    return a * 2\nx = f(lr)\n# %% step:b\nprint(x, f(1))\n",
    good="# %% parameters\nrates = [4]\n# %% functions\ndef f(a):\n    return a * 2\n"
    "# %% step:a foreach:lr in rates\nx = f(lr)\n# %% step:b\nprint(x, f(1))\n",
)
LOOP_SHARES = Rule(
    code="KP320",
    name="foreach-shares-objects",
    severity=_ERROR,
    why="Each item has copies of what was there before its step, and what it gives for each name "
    "is stored by itself. Where a change of an object should be seen through another name, or in "
    "another item, the copies would drift apart.",
    bad="# %% parameters\nrates = [4]\n# %% step:a\nbase = [0]\n"
    "# %% step:b foreach:lr in rates\nx = [base, lr]\n# %% step:c\nbase.append(1)\n"
    "print(x)\n",
    good="# %% parameters\nrates = [4]\n# %% step:a\nbase = [0]\n"
    "# %% step:b foreach:lr in rates\nx = [len(base), lr]\n# %% step:c\nbase.append(1)\n"
    "print(x)\n",
)
EXIT_VALUES = Rule(
    code="KP312",
    name="on-exit-exchanges-values",
    severity=_ERROR,
    why="An on-exit step runs when all others have ended, also when they have failed. What they "
    "make may not exist then, and what it makes comes too late for them.",
    bad="# %% step:a\nx = 1\n# %% step:b on-exit\nprint(x)\n",
    good="# %% parameters\nx = 1\n# %% step:a\ny = x\n# %% step:b on-exit\nprint(x)\n",
)
EXIT_SETTINGS = Rule(
    code="KP313",
    name="on-exit-settings",
    severity=_ERROR,
    why="A notebook has one on-exit step (a cluster runs no more than one), and it runs once, "
    "whatever happened.",
    bad="# %% step:a\nx = 1\n# %% step:b on-exit\ny = 1\n# %% step:c on-exit\nz = 1\n",
    good="# %% step:a\nx = 1\n# %% step:b on-exit\ny = 1\n# %% step:b\nz = 1\n",
)
EXIT_ALONE = Rule(
    code="KP314",
    name="on-exit-alone",
    severity=_ERROR,
    why="An on-exit step runs when all others have ended, so there must be another.",
    bad="# %% step:a on-exit\nx = 1\n",
    good="# %% step:a\nx = 1\n# %% step:b on-exit\ny = 1\n",
)
RULES = (
    SYNTAX,
    UNDEFINED,
    DELETED,
    HISTORY,
    SETUP_JOINS_STEP,
    SETUP_RUNS_ONCE,
    PARAMETERS_READ_STEP,
    UNSTORABLE,
    LIBRARY_CHANGED,
    NO_METRIC,
    FILE_BETWEEN_STEPS,
    CACHED_EFFECTS,
    UNSEEN_NAMES,
    FIGURE_STAYS_OPEN,
    SUBCLASSES,
    NO_STEPS,
    UNKNOWN_STEP,
    CYCLE,
    TWO_VERSIONS,
    AGAINST_ORDER,
    HOMELESS,
    CONFLICTING_SETTINGS,
    GATE_NAME,
    GATE_TOO_EARLY,
    LOOP_LIST,
    LOOP_VARIABLE,
    EXIT_VALUES,
    EXIT_SETTINGS,
    EXIT_ALONE,
    LOOP_CHANGES,
    LOOP_MODEL,
    LOOP_IMPORT,
    LOOP_FUNCTION,
    LOOP_DEFINITION,
    LOOP_SHARES,
    *order_rules.RULES,
    *MAGIC_RULES,
)
