"""Images that hold this machine's Python and nothing of ours, made without a network."""

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path, PurePath

import docker

from kernelpipe.backends.kfp.installation import installed

_ASK = """
import json, site, sys, sysconfig
library = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
print(json.dumps([sys.prefix, site.getsitepackages()[0], library]))
"""
_LEFT_OUT = re.compile(
    r"(site-packages|dist-packages|ensurepip|idlelib|lib2to3|tests?|tkinter|turtledemo|include"
    r"|config-.*)|.*\.(a|pyi|pyx|pxd|opt-[12]\.pyc)"
)
"""Names of what no step imports: other packages, and what only building and testing take."""
_LIBRARY = re.compile(r"(?:=> |^\t)(/\S+) \(0x", re.MULTILINE)
"""A shared library as ldd prints it."""
_BLOCK_BYTES = 1 << 20
_LINKER_CACHE = Path("/etc/ld.so.cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Python:
    """The Python that virtual environments are made of, and where it looks for what."""

    path: Path
    prefix: Path
    packages: Path
    library: tuple[Path, ...]


def import_image(client: docker.APIClient, name: str, distributions: Iterable[str] = ()) -> None:
    """Make an image of this Python with ``distributions`` and all that they need, as installed.

    It has no shell, no pip, no ``/etc/passwd`` and no certificates.

    Args:
        client: Of the engine that gets the image.
        name: With a tag.
        distributions: Names of installed distributions.
    """
    python = _base_python()
    files = {python.path: python.path}
    files |= {path: path for directory in python.library for path in _below(directory)}
    files |= dict(_packages(distributions, python))
    files |= {path: path for path in _shared_libraries(python.path, files.values())}
    repository, _, tag = name.partition(":")
    changes = [f"ENV PATH={python.path.parent}"]
    source, target = os.pipe()
    with ThreadPoolExecutor() as pool, open(source, "rb") as reader:  # noqa: PTH123 - no path
        writing = pool.submit(_write, target, files, python.path)
        blocks = iter(partial(reader.read, _BLOCK_BYTES), b"")
        client.import_image_from_stream(blocks, repository, tag, changes=changes)
        writing.result()


def _base_python() -> _Python:
    path = Path(sys._base_executable).resolve()  # type: ignore[attr-defined] # by venv, too
    done = subprocess.run([path, "-I", "-c", _ASK], check=True, capture_output=True, text=True)
    prefix, packages, library = json.loads(done.stdout)
    return _Python(
        path=path,
        prefix=Path(prefix),
        packages=Path(packages),
        library=tuple(Path(directory) for directory in library),
    )


def _below(directory: Path) -> Iterator[Path]:
    for place, directories, files in os.walk(directory):
        directories[:] = (name for name in directories if not _LEFT_OUT.fullmatch(name))
        yield from (Path(place, name) for name in files if not _LEFT_OUT.fullmatch(name))


def _packages(distributions: Iterable[str], python: _Python) -> Iterator[tuple[Path, Path]]:
    """Yield the files of packages: where they go, and where they are."""
    for pin in installed().closure(distributions):
        for file in metadata.files(pin.name) or ():
            path = Path(str(file.locate()))
            outside = PurePath(*(part for part in file.parts if part != ".."))
            if any(map(_LEFT_OUT.fullmatch, file.parts)) or not path.is_file():
                continue
            if outside == PurePath(file):
                yield python.packages / file, path
            elif outside.parts[0] == "share":  # templates of nbconvert
                yield python.prefix / outside, path


def _shared_libraries(program: Path, files: Iterable[Path]) -> set[Path]:
    """Return the system's libraries that ``program`` and the libraries among ``files`` load."""
    own = {path for path in files if ".so" in path.suffixes}
    done = subprocess.run(["ldd", program, *own], check=False, capture_output=True, text=True)
    found = {Path(os.path.normpath(path)) for path in _LIBRARY.findall(done.stdout)}
    return (found - own) | {path for path in [_LINKER_CACHE] if path.is_file()}


def _write(target: int, files: Mapping[Path, Path], python: Path) -> None:
    """Write an archive of ``files`` (path in it -> path here) to a pipe and close that."""
    directories = {parent for path in files for parent in path.parents}
    with (
        open(target, "wb") as pipe,
        tarfile.open(fileobj=pipe, mode="w|", dereference=True) as archive,
    ):
        for directory in sorted(directories):
            _add_empty(archive, directory, tarfile.DIRTYPE, 0o755)
        _add_empty(archive, Path("/tmp"), tarfile.DIRTYPE, 0o1777)  # noqa: S108 - the image's
        if python.name != "python3":
            _add_empty(archive, python.with_name("python3"), tarfile.SYMTYPE, to=python.name)
        for path, source in files.items():
            _add_file(archive, path, source)


def _add_file(archive: tarfile.TarFile, path: Path, source: Path) -> None:
    entry = archive.gettarinfo(source, str(path))
    entry.mode |= 0o444
    with source.open("rb") as content:
        archive.addfile(_of_root(entry), content)


def _add_empty(
    archive: tarfile.TarFile, path: Path, kind: bytes, mode: int = 0o777, to: str = ""
) -> None:
    entry = tarfile.TarInfo(str(path))
    entry.type, entry.mode, entry.linkname = kind, mode, to
    archive.addfile(entry)


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
