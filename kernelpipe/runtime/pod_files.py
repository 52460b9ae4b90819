"""Files that travel between pods: put in place before a step's cells run, taken out afterwards.

A file, a folder, or that there is none, travels as a tar archive of what is there, with the folders
above it. The working directory travels without the modules that each pod is given anyway.
"""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

PAYLOAD_FILE = "payload.json"
"""Lists what was in the working directory before any step ran: path -> size and time in ns."""
_WHOLE = "."
_GONE = "kernelpipe.gone"
"""Header of an archive of the working directory: what was deleted of the payload, as JSON."""


def note_payload(root: Path, work: Path) -> None:
    """Write down what a pod finds in its working directory at the very beginning."""
    target = root / PAYLOAD_FILE
    if not target.exists():
        found = {path: _state(work / path) for path in _files_below(work)}
        target.write_text(json.dumps(found), encoding="utf-8")


def take_out(path: str, work: Path, archive: Path, payload: Mapping[str, object]) -> None:
    """Write what is at ``path`` now into ``archive``.

    Args:
        path: Absolute, or relative to ``work``; ``"."`` is all that is in it.
        work: The step's working directory.
        archive: The file to write.
        payload: What `note_payload` wrote.
    """
    base, names = _base(path, work)
    own = {name for name, state in payload.items() if _state(base / name) == state}
    gone = [name for name in payload if _state(work / name) is None]
    headers = {_GONE: json.dumps(gone)} if path == _WHOLE else {}
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        if path == _WHOLE:
            tar.add(base, _WHOLE, recursive=False)  # headers alone are no archive
            for name in _everything_below(base):
                if name not in own and "__pycache__" not in PurePosixPath(name).parts:
                    tar.add(base / name, name, recursive=False)
            return
        for folder in reversed(PurePosixPath(*names).parents):
            if str(folder) != _WHOLE and (base / folder).is_dir():
                tar.add(base / folder, str(folder), recursive=False)
        target = base.joinpath(*names)
        if target.is_symlink() or target.exists():
            tar.add(target, "/".join(names))


def put_in_place(path: str, work: Path, archive: Path, payload: dict[str, object]) -> None:
    """Make what is at ``path`` what it was where `take_out` wrote ``archive``.

    What an earlier step deleted of its ``payload`` is deleted here, and is added to this one's, so
    that later steps are told.
    """
    base, names = _base(path, work)
    if path == _WHOLE:
        for name in reversed(list(_everything_below(base))):
            if name not in payload and not any(each.startswith(name + "/") for each in payload):
                _remove(base / name)
    else:
        _remove(base.joinpath(*names))
    with tarfile.open(archive) as tar:
        for name in json.loads(tar.pax_headers.get(_GONE, "[]")):
            _remove(base / name)
            payload.setdefault(name, None)
        tar.extraction_filter = lambda member, _: member
        folders = []
        for member in tar:
            if member.isdir() and (base / member.name).is_dir():
                continue
            tar.extract(member, base, set_attrs=not member.isdir())
            folders += [member] if member.isdir() else []
        for member in reversed(folders):
            folder = base / member.name
            os.utime(folder, (member.mtime, member.mtime))
            folder.chmod(member.mode)


def path_fault(value: object, default: object, *, must_be_default: bool) -> str | None:
    """Return why files would not travel whose path a parameter gives, None if they do.

    Args:
        value: Of the parameter; of a list, each item counts.
        default: What it was when the pipeline was compiled.
        must_be_default: Files travel from and to where they are by default alone.
    """
    if value == default:
        return None
    if must_be_default:
        return "only its default is where they travel"
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str) or "://" in text:
            continue
        if text.startswith(("/", "~")) or ".." in PurePosixPath(text).parts:
            return f"'{text}' leads out of the working directory"
    return None


def _base(path: str, work: Path) -> tuple[Path, tuple[str, ...]]:
    whole = PurePosixPath(path)
    return (Path("/"), whole.parts[1:]) if whole.is_absolute() else (work, whole.parts)


def _everything_below(folder: Path) -> Iterator[str]:
    """Yield the paths of what is in ``folder``, each after the folder that it is in."""
    for directory, folders, files in os.walk(folder):
        folders.sort()
        here = os.path.relpath(directory, folder)
        for name in (*folders, *sorted(files)):
            yield name if here == _WHOLE else f"{here}/{name}"


def _files_below(folder: Path) -> Iterator[str]:
    return (path for path in _everything_below(folder) if not (folder / path).is_dir())


def _state(path: Path) -> list[int] | None:
    try:
        facts = path.lstat()
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
