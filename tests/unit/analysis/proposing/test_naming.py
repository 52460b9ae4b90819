"""The names of proposed steps."""

import ast

import pytest

from kernelpipe.analysis.proposing.naming import comment_of, free_name, name_of_code, name_of_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Load the data", "load_data", id="words"),
        pytest.param("2.1 Feature engineering", "feature_engineering", id="number"),
        pytest.param("Part 3: Train & evaluate", "train_evaluate", id="part"),
        pytest.param("IV. Results", "results", id="roman"),
        pytest.param("Step 2 - Clean", "clean", id="step-number"),
        pytest.param("Sorting: k nearest neighbours", "sorting", id="before-the-colon"),
        pytest.param("So: what now?", None, id="nothing-but-small-words"),
        pytest.param("Données d'été", "donnees_dete", id="accents"),
        pytest.param("3D plots", "_3d_plots", id="begins-with-a-digit"),
        pytest.param("数据加载", None, id="no-latin-letter"),
        pytest.param("2024", None, id="digits-alone"),
        pytest.param("\N{ROCKET} Train", "train", id="emoji"),
        pytest.param("It's what we need: let's go", "need", id="apostrophes"),
        pytest.param(
            "Internationalisation considerations everywhere", "internationalisation", id="long"
        ),
        pytest.param("x" * 80, "x" * 30, id="one-long-word"),
    ],
)
def test_name_of_text__headings__short_step_names(text: str, expected: str | None) -> None:
    """Numbers and small words go, three words at most stay, and the result is a step's name."""
    assert name_of_text(text) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("# Load data\nx = 1", "Load data", id="comment"),
        pytest.param("\n# ==== Clean ====\n", "Clean", id="banner"),
        pytest.param("#x = 1", None, id="code-that-is-commented-out"),
        pytest.param("x = 1  # Load", None, id="behind-code"),
        pytest.param(f"# {'long ' * 12}", None, id="prose"),
        pytest.param("#!/bin/sh", None, id="shebang"),
        pytest.param("", None, id="empty"),
    ],
)
def test_comment_of__first_line__is_a_title_or_none(source: str, expected: str | None) -> None:
    """Only what reads as a title counts."""
    assert comment_of(source) == expected


@pytest.mark.parametrize(
    ("source", "made", "expected"),
    [
        pytest.param("df = pd.read_csv('a')\ndf.head()", ["df"], "load", id="load"),
        pytest.param("a, b = train_test_split(X)\nprint(a)", [], "split", id="split"),
        pytest.param("m.fit(X)\nplt.plot(x)", ["m"], "train", id="train"),
        pytest.param("plt.plot(x)\nplt.hist(x)", [], "plot", id="plot"),
        pytest.param("total = a + b", ["total"], "total", id="value"),
        pytest.param("print(1)", ["Total_Sum"], "total_sum", id="value-before-report"),
        pytest.param("print(1)", [], "report", id="report"),
        pytest.param("a + b", ["_"], "step", id="nothing"),
    ],
)
def test_name_of_code__what_it_calls__names_the_step(
    source: str, made: list[str], expected: str
) -> None:
    """Known calls tell what a step does, else the value that others take from it."""
    assert name_of_code([ast.parse(source)], made) == expected


def test_free_name__taken_in_another_spelling__gets_a_number() -> None:
    """Names that a cluster would not tell apart are not both used."""
    assert free_name("load_data", ["Load-Data", "load_data_2"]) == "load_data_3"
    assert free_name("load", []) == "load"
