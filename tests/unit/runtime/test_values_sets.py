"""The order of sets that one process stores and another loads, with equal hashes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.runtime.test_values_between_processes import PROGRAM, ROOT, two

from kernelpipe.runtime import set_order
from kernelpipe.runtime.values import dump_group, read_values

FRUIT = '{"pear", "apple", "fig", "plum", "kiwi"}'
WORDS = "[f'w{i * i}' for i in range(40)]"

SETS = {
    "literal": FRUIT,
    "comprehension": f"{{word for word in {WORDS}}}",
    "copy": f"{{word for word in {WORDS}}}.copy()",
    "union": f"set({WORDS}[:13]) | set({WORDS}[9:])",
    "once_large": f"(lambda s: (s.difference_update({WORDS}[3:30]), s)[1])(set({WORDS}))",
    "numbers": "{i * 7919 for i in range(30)} | {-1, 2.5, True}",
    "tuples": "{(i, f'w{i}') for i in range(12)}",
    "one": "{'a'}",
    "empty": "set()",
    "frozen": f"frozenset({FRUIT})",
    "frozen_of_words": f"frozenset({WORDS})",
    "frozen_union": f"frozenset({WORDS}[:30]) | frozenset({WORDS}[20:])",
}


def cases() -> dict[str, dict[str, Any]]:
    """Return, by name, cases that show [order before, order after]."""
    simple = {
        name: two(f"s = {text}\norder = list(s)", ["s", "order"], "[order, list(s)]")
        for name, text in SETS.items()
    }
    nested = two(
        f"class C: pass\nc = C()\nc.d = {{'a': [{FRUIT}, ({FRUIT},)]}}\n"
        "import collections\ne = collections.defaultdict(set)\ne['k'] |= c.d['a'][0]\n"
        "def show(): return [list(s) for s in (c.d['a'][0], c.d['a'][1][0], e['k'])]\n"
        "order = show()",
        ["c", "e", "show", "order"],
        "[order, show()]",
    )
    grown = two(
        f"s = {FRUIT}\nt = s.copy()\nt |= {{'more', 'and'}}\norder = list(t)",
        ["s", "order"],
        "[order, list(s)]",
        then="s |= {'more', 'and'}",
    )
    return {**simple, "nested": nested, "grown": grown}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run both steps of all cases, a process for each step, and return what the second showed."""
    directory = tmp_path_factory.mktemp("sets")
    path = directory / "cases.json"
    path.write_text(json.dumps([{"id": name, **case} for name, case in cases().items()]))
    for step in "AB":
        subprocess.run(
            [sys.executable, "-W", "error", str(PROGRAM), str(path), step, str(directory)],
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        )
    shown: dict[str, Any] = json.loads((directory / "results-B.json").read_text())
    return shown


@pytest.mark.parametrize("name", sorted(cases()))
def test_set__loaded_in_another_process__has_its_order(name: str, results: dict[str, Any]) -> None:
    """The order is what it was in the process that stored it."""
    before, after = results[name]

    assert after == before


NUMBERS = [i * i * 7919 % 4001 for i in range(60)]


@pytest.mark.parametrize(
    "original",
    [
        pytest.param(set(NUMBERS), id="grown"),
        pytest.param(set(NUMBERS).copy(), id="copied"),
        pytest.param(set(NUMBERS) - set(NUMBERS[7:]), id="fresh"),
        pytest.param({*NUMBERS[:3], *range(0, 800, 8)} - {*range(24, 800, 8)}, id="small"),
        pytest.param({7, 15}, id="smallest"),
        pytest.param({270, 266, 226, 26}, id="tried twice"),
        pytest.param({-1, -2, 8, 16, 24, 0}, id="colliding"),
        pytest.param(frozenset(NUMBERS), id="frozen"),
        pytest.param(frozenset(set(NUMBERS)), id="frozen copy"),
        pytest.param(frozenset(NUMBERS[:3]), id="frozen small"),
        pytest.param(frozenset(NUMBERS) | set(range(5000, 5020)), id="frozen union"),
    ],
)
def test_numbers__stored_and_loaded__have_their_order(original: Any, tmp_path: Path) -> None:
    """Hashes of numbers are the same everywhere."""
    namespace: dict[str, Any] = {"s": original}

    dump_group(["s"], namespace, tmp_path / "s")
    loaded = read_values(tmp_path / "s")["s"]

    assert list(loaded) == list(original)
    assert type(loaded) is type(original)


def test_set__elements_once_in_the_way__are_where_they_were(tmp_path: Path) -> None:
    """What has been removed has left its mark on where the others are."""
    original = set(range(0, 64 * 12, 64)) | set(range(40))
    original.difference_update(range(64, 64 * 9, 64))

    dump_group(["s", "holder"], {"s": original, "holder": [original]}, tmp_path / "s")
    loaded = read_values(tmp_path / "s")

    assert list(loaded["s"]) == list(original)
    assert loaded["holder"][0] is loaded["s"]


def test_recipes__sets_that_many_values_hold__are_found_once() -> None:
    """A set is rebuilt in place, so that everything that holds it goes on holding it."""
    held = {"a", "b"}
    held |= {f"w{i}" for i in range(40)}
    held -= {f"w{i}" for i in range(40)}

    found = set_order.recipes([held, [held, {"k": held}]])

    assert [recipe.target is held for recipe in found] == [True]


def test_recipes__elements_hashed_by_address__are_left_alone() -> None:
    """Their order differs in each process, also without steps."""
    objects = {object() for _ in range(50)}

    assert set_order.recipes([objects]) == []


def test_freeze__held_by_another_value_too__stays_the_same_object() -> None:
    """A stand-in would not be what the other value holds."""
    frozen = frozenset(f"w{i * i}" for i in range(33)).copy() | frozenset("abcdef")

    values = set_order.freeze({"frozen": frozen, "holder": [frozen]})

    assert values["frozen"] is frozen


class Changing:
    """Has the hash that it is given."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number


def test_recipes__hashes_changed_since__leave_sets_alone() -> None:
    """Such a set cannot be built again."""
    first, second = Changing(1), Changing(0)
    broken = {first, second}
    first.number, second.number = 0, 1

    assert list(broken) == [second, first]
    assert set_order.recipes([broken]) == []


def test_freeze__no_known_way__leaves_frozenset_alone() -> None:
    """It is stored as its elements, in any order."""
    frozen = frozenset([164, 102, 38, 41, 24])

    assert set_order.freeze({"s": frozen})["s"] is frozen


def test_recipes__sizes_not_as_known__leave_sets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from where a table might not be."""
    monkeypatch.setattr(set_order, "_ENTRY_BYTES", 1)

    assert set_order.recipes([set(range(100)).difference(range(90))]) == []


def test_recipes__memory_not_laid_out_as_known__leave_sets_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another interpreter's sets are stored plainly."""
    monkeypatch.setattr(set_order, "_SET_BYTES", 0)
    large = {str(i) for i in range(100)}
    large -= {str(i) for i in range(90)}

    assert set_order.recipes([large]) == []


def test_recipes__very_many_objects__are_looked_at_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The search takes little time, however large the values are."""
    monkeypatch.setattr(set_order, "_LIMIT", 2)
    large = {str(i) for i in range(100)}
    large -= {str(i) for i in range(90)}

    assert set_order.recipes([[[], [], [], large]]) == []
    assert set_order.recipes([[[[[large]]]]]) == []
