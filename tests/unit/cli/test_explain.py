"""Tests of ``kernelpipe explain``."""

import json
from pathlib import Path
from typing import Any

import kit
import pytest

from kernelpipe import analysis, notebook
from kernelpipe.backends import rules as backend_rules
from kernelpipe.cli.main import main


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a notebook of three steps, of which the last does not need the second."""
    return kit.write(
        tmp_path / "n.ipynb",
        kit.code("x = [1]\n", "step:a"),
        kit.code("y = 1\nx.append(y)", "step:b"),
        kit.code("print(x)", "step:c"),
        kit.code("z = 1", "step:d"),
    )


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_explain__two_steps__shows_the_lines(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What runs first stands first."""
    assert main(["explain", str(path), "b", "c"]) == 0

    assert capsys.readouterr().out.split("\n") == [
        "step 'c' comes after step 'b':",
        "  value: step 'c' reads 'x', which step 'b' changes",
        "    cell 0, line 1: step 'a' makes 'x' here",
        "         1 | x = [1]",
        "           | ^",
        "    cell 1, line 2: step 'b' changes 'x' here",
        "         2 | x.append(y)",
        "           | ^",
        "    cell 2, line 1: step 'c' reads 'x' here",
        "         1 | print(x)",
        "           |       ^",
        "",
    ]


@pytest.mark.parametrize(
    ("steps", "first_line"),
    [
        pytest.param(
            ("a", "d"),
            "step 'd' does not wait for step 'a', nor the other way round: "
            "no value, hidden state, file, metric or tag leads from one to the other",
            id="apart",
        ),
        pytest.param(("b", "a"), "step 'a' does not come after step 'b', but before it", id="back"),
    ],
)
def test_explain__not_after__says_so(
    path: Path, steps: tuple[str, str], first_line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer to the question comes first."""
    assert main(["explain", str(path), *steps]) == 0

    assert capsys.readouterr().out.split("\n")[0] == first_line


def test_explain__json__is_one_document(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: links, reasons and places."""
    assert main(["explain", str(path), "a", "b", "--json"]) == 0

    assert _json(capsys) == {
        "first": "a",
        "second": "b",
        "after": True,
        "reversed": False,
        "between": [],
        "links": [
            {
                "from": "a",
                "to": "b",
                "reasons": [
                    {
                        "kind": "value",
                        "name": "x",
                        "text": "step 'b' reads 'x', which step 'a' makes",
                        "through": [],
                        "places": [
                            {
                                "path": str(path),
                                "cell": 0,
                                "line": 1,
                                "column": 0,
                                "text": "step 'a' makes 'x' here",
                            },
                            {
                                "path": str(path),
                                "cell": 1,
                                "line": 2,
                                "column": 0,
                                "text": "step 'b' reads 'x' here",
                            },
                        ],
                    }
                ],
            }
        ],
    }


def test_explain__code__prints_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The page is made from the rule."""
    assert main(["explain", "kp301"]) == 0

    assert capsys.readouterr().out == (
        "# KP301: no-steps (error)\n"
        "\n"
        "Without a 'step:NAME' tag there is nothing to run.\n"
        "\n"
        "This gives it:\n"
        "\n"
        "```python\nx = 1\n```\n"
        "\n"
        "This does not:\n"
        "\n"
        "```python\n# %% step:a\nx = 1\n```\n"
    )


def test_explain__all__has_a_page_on_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    """Each code once, under the heading of its group."""
    assert main(["explain", "--all"]) == 0

    lines = capsys.readouterr().out.split("\n")
    pages = [line for line in lines if line.startswith("### ")]
    assert pages == sorted(
        f"### {rule.code}: {rule.name} ({rule.severity.value})"
        for rule in (*notebook.RULES, *analysis.RULES, *backend_rules.RULES)
    )
    assert [line for line in lines if line.startswith("## ")] == [
        "## KP1xx: Tags, settings and files",
        "## KP2xx: Data flow",
        "## KP3xx: The graph",
        "## KP4xx: Where a pipeline runs",
    ]


def test_explain__codes_as_json__has_what_the_rules_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the order in which they were asked for."""
    assert main(["explain", "KP301", "KP111", "--json"]) == 0

    first, second = _json(capsys)["rules"]
    assert first == {
        "code": "KP301",
        "name": "no-steps",
        "severity": "error",
        "why": "Without a 'step:NAME' tag there is nothing to run.",
        "bad": "x = 1\n",
        "good": "# %% step:a\nx = 1\n",
    }
    assert second["code"] == "KP111"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param([], "'explain' takes a notebook and two of its steps", id="nothing"),
        pytest.param(["NB", "a"], "'explain' takes a notebook and two of its steps", id="one step"),
        pytest.param(["NB", "a", "cc"], "there is no step 'cc' in NB", id="unknown step"),
        pytest.param(["KP999"], "there is no page on the code 'KP999'", id="unknown code"),
        pytest.param(["KP301", "--all"], "--all shows every page", id="code and all"),
    ],
)
def test_explain__wrong_words__are_refused(
    words: list[str], message: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong use, with a hint."""
    assert main(["explain", *(str(path) if word == "NB" else word for word in words)]) == 2

    shown = capsys.readouterr().err.replace(str(path), "NB")
    assert shown.startswith(f"error: {message}")
    assert "\n  hint: " in shown
