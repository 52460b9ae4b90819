"""Tests of what a step's pod needs: pins, the user's own modules, and what can't be provided."""

import json
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kfp_specs import pipeline, task

from kernelpipe.backends.kfp.local_modules import files_of
from kernelpipe.backends.kfp.packages import Packages, resolve_packages
from kernelpipe.compiler.task import Task
from kernelpipe.model.diagnostic import Diagnostic
from kernelpipe.model.location import Location
from kernelpipe.model.names import StepName
from kernelpipe.model.requirement import Requirement

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that puts a distribution into a directory on ``sys.path``."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def put(
        name: str,
        files: Iterable[str],
        *,
        version: str = "1.0",
        requires: Iterable[str] = (),
        url: str | None = None,
    ) -> None:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n{needs}")
        for file in files:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text("")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        if url:
            (info / "direct_url.json").write_text(json.dumps({"url": url}))

    return put


def resolve(
    *tasks: Task, directory: Path, images: Iterable[str] = ()
) -> tuple[dict[StepName, Packages], tuple[Diagnostic, ...]]:
    """Return the packages of the steps of a notebook in ``directory``."""
    whole = pipeline(*tasks, path=directory / "demo.ipynb")
    return resolve_packages(
        whole, {one.step: one.modules for one in tasks}, frozenset(map(StepName, images))
    )


def pins(packages: Packages) -> dict[str, str]:
    """Return name -> version of what a step imports."""
    return {each.name: each.version for each in packages.pins}


def test_resolve_packages__import__is_pinned_under_the_distributions_name(
    install: Install, tmp_path: Path
) -> None:
    """Names come from the metadata; the standard library is no package."""
    install("zeta-learn", ["zlearn/__init__.py", "zlearn/svm.py"], version="1.5.2")

    found, diagnostics = resolve(
        task("a", modules=("zlearn.svm", "json", "os.path")), directory=tmp_path
    )

    assert pins(found[StepName("a")]) == {"zeta-learn": "1.5.2"}
    assert diagnostics == ()


def test_resolve_packages__requirements__are_followed_as_installed(
    install: Install, tmp_path: Path
) -> None:
    """What a package needs is pinned, too: extras that are asked for, and markers that hold."""
    install(
        "ztop",
        ["ztop/__init__.py"],
        requires=(
            "Z_Mid[fast]>=1",
            "zabsent",
            "zother; python_version < '3'",
            "ztest; extra == 'test'",
        ),
    )
    install("z-mid", ["zmid.py"], requires=("zquick; extra == 'fast'",))
    install("zquick", ["zquick.py"], version="0.3")
    install("zother", ["zother.py"])
    install("ztest", ["ztest.py"])

    found, _ = resolve(task("a", modules=("ztop",)), directory=tmp_path)

    needed = {each.name: each.version for each in found[StepName("a")].needed}
    assert needed == {"ztop": "1.0", "z-mid": "1.0", "zquick": "0.3"}


def test_resolve_packages__shared_namespace__pins_the_one_with_the_module(
    install: Install, tmp_path: Path
) -> None:
    """Several distributions hold a namespace; the module's own is chosen, or else all."""
    install("zspace-a", ["zspace/a/__init__.py"])
    install("zspace-b", ["zspace/b.py"])

    found, _ = resolve(
        task("one", modules=("zspace.a",)),
        task("other", modules=("zspace.b",)),
        task("both", modules=("zspace",)),
        task("from", source="from zspace import b", modules=("zspace",)),
        directory=tmp_path,
    )

    assert pins(found[StepName("one")]) == {"zspace-a": "1.0"}
    assert pins(found[StepName("other")]) == {"zspace-b": "1.0"}
    assert pins(found[StepName("both")]) == {"zspace-a": "1.0", "zspace-b": "1.0"}


def test_resolve_packages__companion__comes_along(tmp_path: Path) -> None:
    """What pandas uses when it is there is pinned with it."""
    found, _ = resolve(task("a", modules=("pandas",)), directory=tmp_path)

    names = {each.name for each in found[StepName("a")].needed}
    assert {"numpy", "pandas", "pyarrow"} <= names
    assert pins(found[StepName("a")]).keys() == {"pandas"}


def test_resolve_packages__values__bring_the_packages_of_their_makers(
    install: Install, tmp_path: Path
) -> None:
    """Reading a value takes what made it; an order edge brings nothing."""
    install("zframe", ["zframe.py"])
    (tmp_path / "own.py").write_text("")

    found, _ = resolve(
        task("load", modules=("zframe", "own"), outputs=("x",)),
        task("pass", after=("load",), inputs=(("load", "x"),), outputs=("y",)),
        task("use", after=("pass",), inputs=(("pass", "y"),)),
        task("later", after=("use",)),
        directory=tmp_path,
    )

    assert pins(found[StepName("use")]) == {"zframe": "1.0"}
    assert [each.name for each in found[StepName("use")].modules] == ["own"]
    assert pins(found[StepName("later")]) == {}


def test_resolve_packages__module_beside_the_notebook__wins_and_is_followed(
    install: Install, tmp_path: Path
) -> None:
    """A local module hides a distribution; what it imports is resolved in turn."""
    install("zclash", ["zclash.py"])
    install("zdeep", ["zdeep.py"])
    (tmp_path / "zclash.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "import kit_xyz.tools\n"
        "if TYPE_CHECKING:\n    import ztypes_xyz\n"
        "try:\n    import zmissing_xyz\nexcept ImportError:\n    zmissing_xyz = None\n"
    )
    package = tmp_path / "kit_xyz"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").write_text("from . import sub\n")
    (package / "tools.py").write_text("from .sub import deep\nfrom .. import nothing\n")
    (package / "sub" / "__init__.py").write_text("")
    (package / "sub" / "deep.py").write_text("import zdeep\n")
    (package / "names.csv").write_text("a,b\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_bytes(b"")

    found, diagnostics = resolve(task("a", modules=("zclash",)), directory=tmp_path)

    packages = found[StepName("a")]
    assert diagnostics == ()
    assert pins(packages) == {"zdeep": "1.0"}
    assert [name for module in packages.modules for name, _ in files_of(module)] == [
        "kit_xyz/__init__.py",
        "kit_xyz/names.csv",
        "kit_xyz/sub/__init__.py",
        "kit_xyz/sub/deep.py",
        "kit_xyz/tools.py",
        "zclash.py",
    ]


def test_resolve_packages__changed_local_module__is_read_again(
    install: Install, tmp_path: Path
) -> None:
    """Nothing is remembered of a file that has changed."""
    install("zdeep", ["zdeep.py"])
    one = task("a", modules=("own_xyz",))
    (tmp_path / "own_xyz.py").write_text("")
    resolve(one, directory=tmp_path)

    (tmp_path / "own_xyz.py").write_text("import zdeep\n")
    found, _ = resolve(one, directory=tmp_path)

    assert pins(found[StepName("a")]) == {"zdeep": "1.0"}


def test_resolve_packages__directory_without_init__is_the_last_choice(
    install: Install, tmp_path: Path
) -> None:
    """A namespace directory travels only if no distribution has its name."""
    install("zreal", ["zreal/__init__.py"])
    for name in ("zreal", "zbare"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.py").write_text("import json\n")
    (tmp_path / "zempty").mkdir()

    found, diagnostics = resolve(
        task("a", modules=("zreal", "zbare.part", "zempty")), directory=tmp_path
    )

    assert [each.name for each in found[StepName("a")].modules] == ["zbare"]
    assert pins(found[StepName("a")]) == {"zreal": "1.0"}
    assert [each.code for each in diagnostics] == ["KP402"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param("x = 1\nimport nope_xyz.sub as n", 2, id="import"),
        pytest.param("from nope_xyz import a", 1, id="from"),
        pytest.param("%time 1\nimport os, nope_xyz", 2, id="second-name"),
        pytest.param("__import__('nope_xyz')", None, id="hidden"),
    ],
)
def test_resolve_packages__unknown_module__names_cell_and_line(
    tmp_path: Path, source: str, line: int | None
) -> None:
    """A module that no one has is an error at its import."""
    _, diagnostics = resolve(task("a", source=source, modules=("nope_xyz",)), directory=tmp_path)

    (found,) = diagnostics
    assert (found.code, found.severity.value) == ("KP402", "error")
    assert found.message == "step 'a' imports 'nope_xyz', which is not installed here"
    assert found.hint == (
        "install the package that has 'nope_xyz', or put 'nope_xyz.py' beside the notebook"
    )
    assert (found.location.cell_index, found.location.line) == (1, line)


def test_resolve_packages__unknown_module_in_a_try__is_left_alone(tmp_path: Path) -> None:
    """The notebook goes on without it, so does the pod."""
    source = "try:\n    import nope_xyz\nexcept ModuleNotFoundError:\n    nope_xyz = None\n%time 1"

    _, diagnostics = resolve(task("a", source=source, modules=("nope_xyz",)), directory=tmp_path)

    assert diagnostics == ()


def test_resolve_packages__unknown_module_with_an_image__is_a_warning(tmp_path: Path) -> None:
    """The image that the user chose may have it."""
    _, diagnostics = resolve(task("a", modules=("nope_xyz",)), directory=tmp_path, images=("a",))

    assert [each.severity.value for each in diagnostics] == ["warning"]


def test_resolve_packages__file_on_the_path__belongs_to_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module from PYTHONPATH cannot be pinned."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "loose_xyz.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))

    _, diagnostics = resolve(task("a", modules=("loose_xyz",)), directory=tmp_path)

    (found,) = diagnostics
    assert found.code == "KP402"
    assert found.message.endswith("loose_xyz.py', which belongs to no installed package")


def test_resolve_packages__editable_install__cannot_be_pinned(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that comes from a working copy is traced to its distribution."""
    source = tmp_path / "project" / "src"
    source.mkdir(parents=True)
    (source / "zedit.py").write_text("")
    install("zedit-dist", ["zedit.pth"], url=f"file://{tmp_path}/project")
    monkeypatch.syspath_prepend(str(source))

    _, diagnostics = resolve(task("a", modules=("zedit",)), directory=tmp_path)

    (found,) = diagnostics
    assert found.code == "KP402"
    assert "from 'zedit-dist', which was installed from 'file://" in found.message


def test_resolve_packages__install_from_a_url__cannot_be_pinned(
    install: Install, tmp_path: Path
) -> None:
    """A distribution from a repository or a file is an error with a way out."""
    install("zgit", ["zgit.py"], url="https://example.org/zgit.git")

    _, diagnostics = resolve(task("a", source="import zgit", modules=("zgit",)), directory=tmp_path)

    (found,) = diagnostics
    assert (found.code, found.location.line) == ("KP403", 1)
    assert found.message == (
        "step 'a' imports 'zgit' from 'zgit', which was installed from "
        "'https://example.org/zgit.git' and can't be pinned from an index"
    )
    assert found.hint is not None
    assert "image:" in found.hint


def test_resolve_packages__compiled_local_module__cannot_travel(tmp_path: Path) -> None:
    """Only source goes along."""
    (tmp_path / "fast_xyz.abi3.so").write_bytes(b"")

    _, diagnostics = resolve(task("a", modules=("fast_xyz",)), directory=tmp_path)

    assert [each.message for each in diagnostics] == [
        "step 'a' imports 'fast_xyz', which is compiled ('fast_xyz.abi3.so')"
    ]


def test_resolve_packages__broken_local_module__is_an_error(tmp_path: Path) -> None:
    """A local file that is no Python is named."""
    (tmp_path / "bad_xyz.py").write_text("def (:\n")

    _, diagnostics = resolve(task("a", modules=("bad_xyz",)), directory=tmp_path)

    (found,) = diagnostics
    assert found.message.startswith("step 'a' imports 'bad_xyz' from beside the notebook, which")
    assert found.hint == "correct 'bad_xyz.py'"


def test_resolve_packages__module_without_a_spec__is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-made module in this process does not stop the compile."""
    broken = types.ModuleType("odd_xyz")
    broken.__spec__ = None
    monkeypatch.setitem(sys.modules, "odd_xyz", broken)

    _, diagnostics = resolve(task("a", modules=("odd_xyz",)), directory=tmp_path)

    assert [each.code for each in diagnostics] == ["KP402"]


def test_resolve_packages__missing_submodule__is_left_to_the_run(tmp_path: Path) -> None:
    """A local package travels even if a part of it that is imported is not there."""
    (tmp_path / "kit_xyz").mkdir()
    (tmp_path / "kit_xyz" / "part.py").write_text("")

    found, diagnostics = resolve(task("a", modules=("kit_xyz.nothing.deeper",)), directory=tmp_path)

    assert [each.name for each in found[StepName("a")].modules] == ["kit_xyz"]
    assert diagnostics == ()


def test_resolve_packages__cell_that_does_not_parse__is_passed_over(tmp_path: Path) -> None:
    """What the analysis found is enough."""
    _, diagnostics = resolve(
        task("a", source="x = !ls\nimport nope_xyz", modules=("nope_xyz",)), directory=tmp_path
    )

    assert [each.location.line for each in diagnostics] == [2]


def required(text: str, cell: int, directory: Path, **more: object) -> Requirement:
    """Return what a cell of setup, or of a step, installs."""
    facts: dict[str, Any] = {"name": text, "step": None, **more}
    place = Location(path=str(directory / "demo.ipynb"), cell_index=cell, line=1, column=0)
    return Requirement(text=text, location=place, **facts)


def test_resolve_packages__what_the_notebook_installs__is_pinned_from_its_cell_on(
    install: Install, tmp_path: Path
) -> None:
    """Nobody imports an engine of pandas: the line that installs it tells, for later steps."""
    install("zengine", ["zengine.py"], version="2.1")
    install("zlater", ["zlater.py"], version="3.0")
    steps = [task("a"), task("b")]
    whole = pipeline(*steps, path=tmp_path / "demo.ipynb")
    first, second = whole.steps
    second = replace(second, cells=tuple(replace(cell, index=5) for cell in second.cells))
    whole = replace(
        whole,
        steps=(first, second),
        requirements=(
            required("zengine", 0, tmp_path),
            required("zlater", 5, tmp_path, step=StepName("b")),
        ),
    )

    found, diagnostics = resolve_packages(whole, {each.step: () for each in steps}, frozenset())

    assert pins(found[StepName("a")]) == {"zengine": "2.1"}
    assert pins(found[StepName("b")]) == {"zengine": "2.1", "zlater": "3.0"}
    assert diagnostics == ()


def test_resolve_packages__what_is_not_installed_here__cannot_be_pinned(tmp_path: Path) -> None:
    """A pod could get any version of it; what may not be needed is not asked for."""
    whole = replace(
        pipeline(task("a"), path=tmp_path / "demo.ipynb"),
        requirements=(
            required("zabsent", 0, tmp_path, options=("--extra-index-url", "https://example.org")),
            required("zperhaps", 0, tmp_path, is_optional=True),
        ),
    )

    _, diagnostics = resolve_packages(whole, {StepName("a"): ()}, frozenset())

    assert [(d.code, d.severity.value, d.message.split("'")[1]) for d in diagnostics] == [
        ("KP413", "error", "zabsent"),
        ("KP413", "warning", "--extra-index-url https://example.org"),
    ]
