"""Tests of what travels in a step's arguments."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp_specs import pipeline, task

from kernelpipe.backends.kfp import emit_ir, payload
from kernelpipe.backends.kfp.payload import begin, pack, unpack
from kernelpipe.backends.kfp.runtime_files import without_docstrings

JSON = dict[str, Any]


def test_pack__text_and_bytes__come_back() -> None:
    """Every file comes back as it was, also one that is no text."""
    files = {"work/a.py": "x = 'ä'\r\n".encode(), "work/b.bin": b"\xff\x00", "empty": b""}

    assert unpack(pack(files)) == files


def test_pack__word_that_kfp_local_replaces__is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that happens to hold the word is packed another way."""
    files = {"a": b"content"}
    first = pack(files)
    monkeypatch.setattr(payload, "_REPLACED", first[4:12])

    second = pack(files)

    assert first[4:12] not in second
    assert unpack(second) == files


def test_without_docstrings__code__keeps_its_meaning() -> None:
    """Docstrings and comments go, other text stays; bodies do not become empty."""
    source = '"""Text."""\n# note\nclass A:\n    """Text."""\n\ndef f():\n    return "x"\n'

    assert without_docstrings(source) == ("class A:\n    pass\n\ndef f():\n    return 'x'\n")


def test_without_docstrings__only_a_docstring__is_empty() -> None:
    """A module of nothing but text has no code."""
    assert without_docstrings('"""Module."""\n') == "\n"


def test_pack__goes_on_after_a_beginning__holds_both() -> None:
    """One zlib stream, as if all had been packed at once."""
    begun = begin({"a": b"first " * 50, "b.bin": b"\xff"})

    part = pack({"c": "z\u00e4".encode()}, begun)

    assert unpack(part) == {"a": b"first " * 50, "b.bin": b"\xff", "c": "z\u00e4".encode()}
    assert pack({"c": "z\u00e4".encode()}, begun) == part


def test_pack__word_after_a_beginning__is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is packed another way; the beginning stays."""
    begun = begin({"a": b"content"})
    first = pack({"b": b"more"}, begun)
    monkeypatch.setattr(payload, "_REPLACED", first[-12:-4])

    second = pack({"b": b"more"}, begun)

    assert first[-12:-4] not in second
    assert unpack(second) == {"a": b"content", "b": b"more"}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Path]]:
    """Return what tells the file in which the packed runtime is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    payload._begun_runtime.cache_clear()
    payload.runtime_part.cache_clear()
    yield lambda: next((tmp_path / "kernelpipe").iterdir())
    payload._begun_runtime.cache_clear()
    payload.runtime_part.cache_clear()


def again() -> str:
    """Return the runtime as another process packs it."""
    payload._begun_runtime.cache_clear()
    payload.runtime_part.cache_clear()
    return payload.runtime_part(b"{}")


def test_runtime_part__other_process__finds_it_packed(
    kept: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking comments out of 40 modules is done once."""
    first = again()
    monkeypatch.setattr(payload, "runtime_files", None)

    assert again() == first
    assert kept().is_file()


@pytest.mark.usefixtures("kept")
def test_runtime_part__changed_module__is_packed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of the modules decides, not their times."""
    again()
    changed = payload.runtime_sources() | {"runtime/kernelpipe_runtime/pod.py": "x = 1"}
    monkeypatch.setattr(payload, "runtime_sources", lambda: changed)

    assert unpack(again())["runtime/kernelpipe_runtime/pod.py"] == b"x = 1\n"


def test_runtime_part__damaged_answer__is_packed_anew(kept: Callable[[], Path]) -> None:
    """Whatever lies there."""
    first = again()
    kept().write_text("{")

    assert again() == first


def test_runtime_part__answer_without_its_stream__is_packed_anew(
    kept: Callable[[], Path],
) -> None:
    """All of it must be there."""
    first = again()
    facts = json.loads(kept().read_text())["facts"]
    kept().write_text(json.dumps({"facts": facts}))

    assert again() == first


def start_pod(step: str, given: JSON, *, before: str = "true") -> tuple[int, str]:
    """Start the container of ``first`` or ``second``; return its code and messages.

    Args:
        step: Which.
        given: The ExecutorInput.
        before: What the shell does first.
    """
    tasks = (task("first"), task("second", after=["first"]))
    spec = yaml.safe_load(emit_ir(pipeline(*tasks), tasks))
    container = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
    words = (*container["command"][1:], *container["args"])
    done = subprocess.run(
        ["/bin/sh", "-c", f'{before}; exec "$@"', "sh", sys.executable]
        + [json.dumps(given) if word == "{{$}}" else word for word in words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_bootstrap__runtime_is_gone__says_what_to_do(tmp_path: Path) -> None:
    """A cached step's artifacts may have been deleted: one line, no traceback."""
    gone = {"artifacts": [{"uri": str(tmp_path / "run-runtime")}]}

    code, said = start_pod("second", {"inputs": {"artifacts": {"kernelpipe.runtime": gone}}})

    assert code == 1
    assert said == (
        "kernelpipe: step 'second' cannot read its runtime: [Errno 2] No such file or directory: "
        f"'{tmp_path / 'run-runtime'}'; if the step that left it was cached, run once without "
        "caching\n"
    )


def test_bootstrap__nowhere_to_write__says_what_the_pod_needs() -> None:
    """A full disk, or a root that is read-only: one line, no traceback."""
    code, said = start_pod("first", {}, before="ulimit -f 0")

    assert code == 1
    assert said.startswith(
        "kernelpipe: step 'first' has no room for its files: [Errno 2] No usable temporary "
        "directory found in "
    )
    assert said.count("\n") == 1
