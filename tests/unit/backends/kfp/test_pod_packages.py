"""Tests of how a pod gets its packages, with a pip that only remembers what it was asked."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from kernelpipe.runtime.pod_packages import PackagesError, provide_packages

JSON = dict[str, Any]
HERE = version("pyyaml")


class FakePip:
    """Answers each call with the next of ``answers``; ``calls`` are the requirements."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = list(answers)
        self.calls: list[list[str]] = []
        self.options: list[list[str]] = []

    def __call__(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Take one call."""
        self.calls.append([each for each in arguments if "==" in each])
        self.options.append([each for each in arguments if each.startswith("--")])
        return self._answers.pop(0)


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the path and the environment as they were."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("PYTHONPATH", "JUPYTER_PATH", "PATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


def step(**parts: JSON) -> JSON:
    """Return what a step needs."""
    return {"platform": sys.platform, "pins": {}, "needed": {}, "tools": {}} | parts


def test_provide_packages__all_present__runs_no_pip(tmp_path: Path) -> None:
    """An image with the right versions starts at once."""
    wanted = step(pins={"PyYAML": HERE}, needed={"PyYAML": HERE}, tools={"pytest": "0.1"})
    pip = FakePip()

    assert provide_packages(wanted, tmp_path / "p", environ={}, run_pip=pip) == []
    assert pip.calls == []


def test_provide_packages__missing_and_different__are_installed_exactly(tmp_path: Path) -> None:
    """Exactly what is not there goes to a directory of the step's own, before the image's."""
    wanted = step(
        pins={"PyYAML": "0.1", "znope": "2.0"},
        needed={"PyYAML": "0.1", "znope": "2.0", "pytest": version("pytest")},
        tools={"ztool": "3"},
    )
    pip = FakePip((0, ""))
    target = tmp_path / "p"

    assert provide_packages(wanted, target, environ={}, run_pip=pip) == []
    assert pip.calls == [["PyYAML==0.1", "znope==2.0", "ztool==3"]]
    assert "--no-deps" in pip.options[0]
    first_site = next(i for i, path in enumerate(sys.path) if path.endswith("site-packages"))
    assert sys.path.index(str(target)) == first_site - 1
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(target)


def test_provide_packages__other_system__lets_pip_add_what_it_needs(tmp_path: Path) -> None:
    """Compiled elsewhere, the pins are constraints."""
    wanted = step(pins={"znope": "2.0"}, needed={"znope": "2.0"}) | {"platform": "win32"}
    pip = FakePip((0, ""))

    provide_packages(wanted, tmp_path / "p", environ={}, run_pip=pip)

    assert "--no-deps" not in pip.options[0]
    assert "--constraint" in pip.options[0]
    assert (tmp_path / "p" / "constraints.txt").read_text() == "znope==2.0\n"


def test_provide_packages__pin_cannot_be_had__is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """A version that the notebook did not have is never used in silence."""
    wanted = step(pins={"PyYAML": "0.1"}, needed={"PyYAML": "0.1"})
    pip = FakePip((1, "looking\nERROR: No matching distribution found for PyYAML==0.1\nbye"))

    with pytest.raises(PackagesError, match="cannot install") as caught:
        provide_packages(wanted, tmp_path / "p", environ={}, run_pip=pip)

    assert str(caught.value).splitlines()[0] == (
        f"cannot install PyYAML==0.1 (the image has {HERE}): "
        "ERROR: No matching distribution found for PyYAML==0.1"
    )


def test_provide_packages__dependency_cannot_be_had__is_a_warning(tmp_path: Path) -> None:
    """What only others need is left to them, loudly."""
    wanted = step(pins={}, needed={"PyYAML": "0.1"})

    (warning,) = provide_packages(wanted, tmp_path / "p", environ={}, run_pip=FakePip((1, "")))

    assert warning == (
        f"cannot install PyYAML==0.1 (the image has {HERE}): pip said nothing; "
        "results may differ from the notebook's"
    )


def test_provide_packages__tools_cannot_be_had__step_runs_without(tmp_path: Path) -> None:
    """A step does not need a kernel to run."""
    pip = FakePip((1, "no network"))

    warnings = provide_packages(step(tools={"ztool": "3"}), tmp_path / "p", environ={}, run_pip=pip)

    assert warnings == ["no ipykernel or nbconvert here: running without a kernel"]


def test_provide_packages__tools_spoil_the_install__pins_come_alone(tmp_path: Path) -> None:
    """The step's own packages are tried again without the tools."""
    wanted = step(pins={"znope": "1"}, needed={"znope": "1"}, tools={"ztool": "3"})
    pip = FakePip((1, "no ztool"), (0, ""))

    assert provide_packages(wanted, tmp_path / "p", environ={}, run_pip=pip) == []
    assert pip.calls == [["znope==1", "ztool==3"], ["znope==1"]]


def test_provide_packages__image_versions_asked_for__are_used_with_a_warning(
    tmp_path: Path,
) -> None:
    """The tag that allows the image's versions still installs what is missing."""
    wanted = step(pins={"PyYAML": "0.1", "znope": "1"}, needed={"PyYAML": "0.1", "znope": "1"})
    pip = FakePip((0, ""))

    warnings = provide_packages(
        wanted, tmp_path / "p", environ={"KERNELPIPE_VERSIONS": "image"}, run_pip=pip
    )

    assert warnings == [f"using the image's own versions: PyYAML {HERE} (compiled with 0.1)"]
    assert pip.calls == [["znope==1"]]


def test_provide_packages__real_pip__fails_with_its_reason(tmp_path: Path) -> None:
    """The real pip is run in this Python; a name that is none is refused without a network."""
    wanted = step(pins={"not a name": "1"}, needed={"not a name": "1"})

    with pytest.raises(PackagesError, match="not a name==1"):
        provide_packages(wanted, tmp_path / "p", environ={})
