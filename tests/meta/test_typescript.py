"""Tests of the reader that holds the server's documents against the panel's types."""

from pathlib import Path

import pytest
import typescript

SOURCE = """
import type { PartialJSONObject } from '@lumino/coreutils';

/** Comments say { nothing: string }. */
export type State =
  | 'PENDING'
  | 'FAILED';
export interface ISmall {
  /** A name; */
  name: string;
  state: State; // of these
}
export interface ILarge extends ISmall {
  count: number | null;
  parts: (ISmall & { is_last: boolean })[];
  rows: string[][];
  both: { [name in State]: ISmall | null };
  many: { [name: string]: number | boolean };
  free: PartialJSONObject;
  note?: string;
}
export class Other { name: string = "export interface INone {}"; }
"""
SMALL = {"name": "a", "state": "FAILED"}
LARGE = {
    **SMALL,
    "count": None,
    "parts": [{**SMALL, "is_last": True}],
    "rows": [["a"], []],
    "both": {"PENDING": SMALL, "FAILED": None},
    "many": {"x": 1.5, "y": False},
    "free": {"anything": [1]},
}


@pytest.fixture
def checker(tmp_path: Path) -> typescript.Checker:
    """Return a checker of the types above."""
    path = tmp_path / "api.ts"
    path.write_text(SOURCE, encoding="utf-8")
    return typescript.Checker(typescript.read_types(path))


@pytest.mark.parametrize("more", [{}, {"note": "b"}, {"count": 3}], ids=str)
def test_problems__right_document__none(
    checker: typescript.Checker, more: dict[str, object]
) -> None:
    """Optional properties may be there or not."""
    assert checker.problems(LARGE | more, "ILarge") == []
    assert checker.seen == {"ILarge", "ISmall", "State"}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param({"name": 3}, "ILarge.name: 3 is no string", id="type"),
        pytest.param({"count": True}, "ILarge.count: True is none of its options", id="bool"),
        pytest.param({"state": "DONE"}, "ILarge.state: 'DONE' is none of its options", id="word"),
        pytest.param({"more": 1}, "ILarge.more is not in the interface", id="unknown"),
        pytest.param({"parts": [SMALL]}, "ILarge.parts[0].is_last is missing", id="part"),
        pytest.param({"rows": ["a"]}, "ILarge.rows[0]: 'a' is no array", id="array"),
        pytest.param({"both": {"PENDING": None}}, "ILarge.both.FAILED is missing", id="mapped"),
        pytest.param(
            {"both": {"PENDING": {"name": "a"}, "FAILED": None}},
            "ILarge.both.PENDING.state is missing",
            id="inside-of-a-union",
        ),
        pytest.param({"many": {"x": "1"}}, "ILarge.many.x: '1' is none of its options", id="many"),
        pytest.param({"free": []}, "ILarge.free: [] is no PartialJSONObject", id="free"),
        pytest.param({"note": None}, "ILarge.note: None is no string", id="optional-is-no-null"),
    ],
)
def test_problems__wrong_document__says_where(
    checker: typescript.Checker, wrong: dict[str, object], problem: str
) -> None:
    """Each difference is found, at its place."""
    assert checker.problems(LARGE | wrong, "ILarge") == [problem]


def test_problems__missing_property__says_where(checker: typescript.Checker) -> None:
    """What an interface inherits must be there, too."""
    document = {name: value for name, value in LARGE.items() if name != "name"}

    assert checker.problems(document, "ILarge") == ["ILarge.name is missing"]
