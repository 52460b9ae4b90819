"""Setup: what each step replays, and what becomes of setup that cannot be replayed."""

import ast

from percent import edges_of, pipeline_of

from kernelpipe.analysis.setup import slice_imports
from kernelpipe.model.pipeline import Pipeline


def _setup_of(pipeline: Pipeline, step: str) -> list[str]:
    return [s.source for s in next(x for x in pipeline.steps if x.name == step).setup]


def test_setup__imports_of_other_steps__are_left_out() -> None:
    """A step does not import what only other steps use; lines keep their numbers."""
    pipeline = pipeline_of(
        "import json\nimport csv, re\nfrom math import pi, e\n"
        "# %% step:a\nprint(json, re, pi)\n# %% step:b\nprint(csv, e)\n"
    )

    assert _setup_of(pipeline, "a") == ["import json\nimport re\nfrom math import pi"]
    assert _setup_of(pipeline, "b") == ["\nimport csv\nfrom math import e"]


def test_setup__import_that_nobody_mentions__is_kept() -> None:
    """It may be there for what importing it does."""
    pipeline = pipeline_of("import antigravity_like\n# %% step:a\nx = 1\n")

    assert _setup_of(pipeline, "a") == ["import antigravity_like"]


def test_slice_imports__line_ends_that_only_ipython_counts__leave_the_cell_as_it_is() -> None:
    """Its line numbers are not Python's: another line would go."""
    source = "\u2028import json\nx = 1\n"
    tree = ast.parse("\nimport json\nx = 1\n")

    assert slice_imports(source, tree, {"json": False}) == source


def test_setup__import_that_a_called_helper_uses__is_kept() -> None:
    """Helpers that a step calls need their imports; helpers that it does not call need none."""
    pipeline = pipeline_of(
        "import json\nimport csv\ndef f(): return json\ndef g(): return csv\n"
        "# %% step:a\nf()\n# %% step:b\ng()\n"
    )

    assert "import json" in _setup_of(pipeline, "a")[0]
    assert "import csv" not in _setup_of(pipeline, "a")[0]


def test_setup__import_that_setup_itself_uses__is_kept() -> None:
    """Setup code runs as a whole."""
    pipeline = pipeline_of(
        "import json\nD = json.loads('{}')\n# %% step:a\nx = 1\n# %% step:b\nprint(json)\n"
    )

    assert "import json" in _setup_of(pipeline, "a")[0]


def test_setup__magics_in_it__keep_all_imports() -> None:
    """Code inside a magic cannot be listed."""
    pipeline = pipeline_of("import json\n%time x = 1\n# %% step:a\ny = 1\n# %% step:b\njson\n")

    assert _setup_of(pipeline, "a") == ["import json\n%time x = 1"]


def test_setup__cell_further_down__belongs_to_later_steps_only() -> None:
    """Notebook order is the meaning: a step sees the setup above it."""
    pipeline = pipeline_of(
        "# %% functions\ndef f(): return 1\n# %% step:a\nf()\n"
        "# %% functions\ndef f(): return 2\n# %% step:b\nf()\n"
    )

    assert len(_setup_of(pipeline, "a")) == 1
    assert len(_setup_of(pipeline, "b")) == 2
    assert pipeline.steps[1].shared_definitions == (("f", 2),)


def test_setup__list_that_a_step_appends_to__travels_by_value() -> None:
    """What a step changes is no longer what setup makes."""
    pipeline = pipeline_of("LOG = []\n# %% step:a\nLOG.append(1)\n# %% step:b\nprint(LOG)\n")

    assert edges_of(pipeline) == "a->b: LOG"
    assert pipeline.steps[1].shared_definitions == ()


def test_setup__value_of_a_clock_used_by_two_steps__runs_once() -> None:
    """Replayed, the two steps would see two different values."""
    pipeline = pipeline_of(
        "import time\nT = time.time()\n# %% step:a\nprint(T)\n# %% step:b\nprint(T)\n"
    )

    assert [s.name for s in pipeline.steps] == ["setup", "a", "b"]
    assert edges_of(pipeline) == "setup->a: T; setup->b: T"
    assert [d.code for d in pipeline.diagnostics] == ["KP208"]


def test_setup__value_of_a_clock_used_by_one_step__is_replayed() -> None:
    """Only one step sees it, so there is nothing to differ from."""
    pipeline = pipeline_of("import time\nT = time.time()\n# %% step:a\nprint(T)\n")

    assert [s.name for s in pipeline.steps] == ["a"]


def test_setup__unseeded_numbers_used_by_two_steps__run_once() -> None:
    """Random numbers without a seed differ between processes as clocks do."""
    pipeline = pipeline_of(
        "import random\nR = random.random()\n# %% step:a\nprint(R)\n# %% step:b\nprint(R)\n"
    )

    assert [s.name for s in pipeline.steps] == ["setup", "a", "b"]


def test_setup__seeded_numbers_used_by_two_steps__are_replayed() -> None:
    """With a seed every replay gives the same."""
    pipeline = pipeline_of(
        "import random\nrandom.seed(1)\nR = random.random()\n"
        "# %% step:a\nprint(R)\n# %% step:b\nprint(R)\n"
    )

    assert [s.name for s in pipeline.steps] == ["a", "b"]


def test_setup__configuration_magic_in_a_step__is_replayed_in_later_steps() -> None:
    """A magic that configures the kernel holds for all cells after it."""
    pipeline = pipeline_of(
        "# %% step:a\n%config InlineBackend.figure_format = 'svg'\nx = 1\n# %% step:b\ny = 1\n"
    )

    assert _setup_of(pipeline, "b") == ["%config InlineBackend.figure_format = 'svg'"]
    assert _setup_of(pipeline, "a") == []
