"""Files that one step writes and another one starts from: artifacts, or refused."""

from pathlib import Path

import kit
import pytest
import yaml

from kernelpipe import api
from kernelpipe.backends.kfp.carried_files import check_paths
from kernelpipe.errors import CompileError, UsageError
from kernelpipe.model.diagnostic import Diagnostic


def compiled(tmp_path: Path, *cells: dict[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return the pipeline spec of a notebook and what is said of its files.

    Raises:
        CompileError: If it is refused.
    """
    path = kit.write(tmp_path / "n.ipynb", *cells)
    found: list[Diagnostic] = []
    target = tmp_path / "n.yaml"
    api.compile_notebook(path, target, on_diagnostic=found.append)
    said = [f"{e.severity.value}: {e.message}" for e in found if e.code == "KP408"]
    return next(yaml.safe_load_all(target.read_text(encoding="utf-8"))), said


def test_compile__file_of_another_step__is_an_artifact(tmp_path: Path) -> None:
    """The writer has an output, the reader an input, which is also an edge."""
    spec, said = compiled(
        tmp_path,
        kit.code("import os\nos.makedirs('out')\nopen('out/a b.csv', 'w').close()", "step:make"),
        kit.code("print(open('out/a b.csv').read())", "step:show"),
    )

    tasks = spec["root"]["dag"]["tasks"]
    outputs = spec["components"]["comp-make"]["outputDefinitions"]["artifacts"]
    assert said == []
    assert tasks["show"]["dependentTasks"] == ["make"]
    assert outputs["files-out-a-b-csv"]["artifactType"]["schemaTitle"] == "system.Artifact"
    assert tasks["show"]["inputs"]["artifacts"]["make-files-out-a-b-csv"] == {
        "taskOutputArtifact": {"producerTask": "make", "outputArtifactKey": "files-out-a-b-csv"}
    }


def test_compile__paths_alike__have_ports_of_their_own(tmp_path: Path) -> None:
    """Characters that a port cannot have, and case, do not mix files up."""
    spec, _ = compiled(
        tmp_path,
        kit.code("for_all = [open('a.b', 'w'), open('a_b', 'w'), open('A-b', 'w')]", "step:make"),
        kit.code("print(open('a.b').read(), open('a_b').read(), open('A-b').read())", "step:all"),
    )

    outputs = spec["components"]["comp-make"]["outputDefinitions"]["artifacts"]
    assert sorted(each for each in outputs if each.startswith("files")) == [
        "files-A-b",
        "files-a-b-2",
        "files-a-b-3",
    ]


WRITE = "open('x.txt', 'w').write('1')"
READ = "print(open('x.txt').read())"
LOOP = kit.code("names = ['a', 'b']\nname = 'a'", "parameters")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        pytest.param(
            [
                kit.code("open('../x.txt', 'w').write('1')", "step:a"),
                kit.code("print(open('../x.txt').read())", "step:b"),
            ],
            "step 'b' reads the file '../x.txt' that step 'a' writes: files travel only in the "
            "working directory, or in a folder such as /tmp/NAME",
            id="above",
        ),
        pytest.param(
            [
                kit.code("from pathlib import Path", "imports"),
                kit.code("(Path.home() / 'x.txt').write_text('1')", "step:a"),
                kit.code("print((Path.home() / 'x.txt').read_text())", "step:b"),
            ],
            "step 'b' reads the file '~/x.txt' that step 'a' writes: files travel only in the "
            "working directory, or in a folder such as /tmp/NAME",
            id="home",
        ),
        pytest.param(
            [kit.code("x = 1\n%store x", "step:a"), kit.code("%store -r x", "step:b")],
            "step 'b' reads the value 'x' of '%store' that step 'a' writes: what '%store' keeps "
            "stays in its pod",
            id="store",
        ),
        pytest.param(
            [
                LOOP,
                kit.code(f"{WRITE}\nprint(name)", "step:a", "foreach:name in names"),
                kit.code(READ, "step:b"),
            ],
            "step 'b' reads the file 'x.txt' that step 'a' writes: each item of its loop leaves "
            "files in a pod of its own",
            id="loop",
        ),
        pytest.param(
            [
                LOOP,
                kit.code("open('x.txt', 'a').write(name)", "step:a", "foreach:name in names"),
                kit.code("y = open('x.txt').read()", "step:a"),
            ],
            "step 'a': its items read 'x.txt' as items before them left it, and each has a pod of "
            "its own",
            id="items-hand-on",
        ),
        pytest.param(
            [
                kit.code("folder = '../x'", "parameters"),
                kit.code("open(folder + '/y.txt', 'w').write('1')", "step:a"),
                kit.code("print(open(folder + '/y.txt').read())", "step:b"),
            ],
            "step 'b' reads the file '../x/y.txt' that step 'a' writes: files travel only in the "
            "working directory, or in a folder such as /tmp/NAME",
            id="parameter",
        ),
        pytest.param(
            [kit.code(WRITE, "step:a"), kit.code(READ, "step:b", "on-exit")],
            "step 'b' reads the file 'x.txt' that step 'a' writes: no file travels to an on-exit "
            "step",
            id="on-exit",
        ),
    ],
)
def test_compile__file_that_cannot_travel__is_refused(
    cells: list[dict[str, object]], message: str, tmp_path: Path
) -> None:
    """The reason names both steps and the file."""
    with pytest.raises(CompileError) as refused:
        compiled(tmp_path, *cells)

    errors = [each for each in refused.value.diagnostics if each.severity.value == "error"]
    assert [(each.code, each.message) for each in errors] == [("KP408", message)]


def test_compile__name_not_known_before_the_run__warns_and_carries_the_directory(
    tmp_path: Path,
) -> None:
    """All of the working directory travels; that the file may be elsewhere is said."""
    spec, said = compiled(
        tmp_path,
        kit.code("open(''.join(['x', '.txt']), 'w').write('1')", "step:a"),
        kit.code("print(open(''.join(['x', '.txt'])).read())", "step:b"),
    )

    artifacts = spec["root"]["dag"]["tasks"]["b"]["inputs"]["artifacts"]
    assert "a-files-directory" in artifacts
    (warning,) = said
    assert warning == (
        "warning: step 'b' may read a file that step 'a' writes, and its name is not known before "
        "the run: it travels only if it is in the working directory"
    )


def test_compile__items_with_files_of_their_own__are_not_refused(tmp_path: Path) -> None:
    """A name made of the item, and what an item surely writes before it reads it."""
    _, said = compiled(
        tmp_path,
        LOOP,
        kit.code(
            "open('x.txt', 'w').write(name)\nopen(name + '.txt', 'a').write(open('x.txt').read())\n"
            "y = open(name + '.txt').read()",
            "step:a",
            "foreach:name in names",
        ),
    )

    assert said == []


ABSOLUTE = [
    kit.code("folder = '/var/work/x'", "parameters"),
    kit.code("open(folder + '/y.txt', 'w').write('1')", "step:a"),
    kit.code("print(open(folder + '/y.txt').read())", "step:b"),
]
RELATIVE = [kit.code("folder = 'x'", "parameters"), *ABSOLUTE[1:]]


def test_compile__parameter_that_leads_out_of_the_directory__carries_its_default(
    tmp_path: Path,
) -> None:
    """The file travels from and to where it is by default."""
    spec, said = compiled(tmp_path, *ABSOLUTE)

    artifacts = spec["root"]["dag"]["tasks"]["b"]["inputs"]["artifacts"]
    assert "a-files-var-work-x-y-txt" in artifacts
    assert said == []


@pytest.mark.parametrize(
    ("cells", "value", "message"),
    [
        pytest.param(ABSOLUTE, "/var/other", "only its default is where they travel", id="fixed"),
        pytest.param(
            RELATIVE, "/var/other", "'/var/other' leads out of the working directory", id="absolute"
        ),
        pytest.param(
            RELATIVE, "a/../b", "'a/../b' leads out of the working directory", id="through-parents"
        ),
        pytest.param(ABSOLUTE, "/var/work/x", None, id="default"),
        pytest.param(RELATIVE, "y/z", None, id="inside"),
        pytest.param(RELATIVE, "s3://bucket", None, id="address"),
    ],
)
def test_check_paths__value_of_a_parameter__is_refused_where_files_would_not_travel(
    cells: list[dict[str, object]], value: str, message: str | None, tmp_path: Path
) -> None:
    """`submit` asks before anything is sent."""
    pipeline = api.graph(kit.write(tmp_path / "n.ipynb", *cells))

    if message is None:
        check_paths(pipeline, {"folder": value})
    else:
        with pytest.raises(UsageError, match=f"'folder' says where .* pods: {message}"):
            check_paths(pipeline, {"folder": value})
