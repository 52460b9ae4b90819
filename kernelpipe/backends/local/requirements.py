"""Meets a notebook's requirements on this machine: once, before anything starts."""

import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Specification
from packaging.utils import canonicalize_name

from kernelpipe.backends.local.interpreters import kernel_python
from kernelpipe.backends.local.kernels import installed_kernel
from kernelpipe.errors import BackendError
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.requirement import Requirement

_ONE_AT_A_TIME = threading.Lock()
_LIST = (
    "import importlib.metadata as m, json; "
    "print(json.dumps([[d.name, d.version, d.read_text('direct_url.json')] "
    "for d in m.distributions() if d.name]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A distribution that is installed; ``url`` is where from if that is no index."""

    version: str
    url: str | None


def check_requirements(pipeline: Pipeline) -> tuple[Diagnostic, ...]:
    """Return what cannot be installed as the notebook would, and what will not be.

    Returns:
        KP413: an error where the notebook would replace a version that earlier cells may have
        used, a warning where it depends on the run or on the day what it installs; for what
        `install_missing` would install, a note that it does.
    """
    if not pipeline.requirements:
        return ()
    present = _installed(_python(pipeline))
    return tuple(_check(pipeline.requirements, present))


def install_missing(pipeline: Pipeline, tell: Callable[[str], None]) -> bool:
    """Install the requirements that are not met, in one go; nothing that is there is replaced.

    Returns:
        Whether there was something to install.

    Args:
        pipeline: Has no errors, also none of `check_requirements`.
        tell: Is called with what is done, for the user.

    Raises:
        BackendError: If they cannot be installed.
    """
    if not pipeline.requirements:
        return False
    with _ONE_AT_A_TIME:
        python = _python(pipeline)
        present = _installed(python)
        needed = [r for r in pipeline.requirements if not r.is_optional]
        missing = [r for r in needed if _is_missing(r, present)]
        if missing:
            _install(pipeline, missing, python, present, tell)
        return bool(missing)


def _install(
    pipeline: Pipeline,
    missing: Sequence[Requirement],
    python: str,
    present: Mapping[str, Present],
    tell: Callable[[str], None],
) -> None:
    texts = list(dict.fromkeys(r.text for r in missing))
    options = list(dict.fromkeys(_pairs(word for r in missing for word in r.options)))
    tell(f"installing {', '.join(texts)}, which {missing[0].location.inside} asks for")
    with tempfile.TemporaryDirectory(prefix="kernelpipe-install-") as scratch:
        limits = Path(scratch, "installed.txt")
        pins = [f"{name}=={each.version}\n" for name, each in present.items() if each.url is None]
        limits.write_text("".join(sorted(pins)), encoding="utf-8")
        words = [word for pair in options for word in pair]
        arguments = [*words, "--constraint", str(limits), *_as_arguments(texts)]
        done = subprocess.run(  # noqa: S603 - what the notebook would run itself
            [*_installer(python), *arguments],
            cwd=Path(pipeline.path).absolute().parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith("error")] or lines[-1:]
        raise BackendError(
            f"cannot install {', '.join(texts)}: {errors[0] if errors else 'pip said nothing'}\n"
            "  hint: install it by hand, then run again; nothing was started"
        )
    importlib.invalidate_caches()
    tell(f"installed {', '.join(texts)}")


def _python(pipeline: Pipeline) -> str:
    kernel, _ = installed_kernel(pipeline.kernel_name)
    return kernel_python(kernel) or sys.executable


def _installed(python: str) -> dict[str, Present]:
    """Return canonical name -> what is installed for an interpreter."""
    if python == sys.executable:
        found = [
            (each.name, each.version, each.read_text("direct_url.json"))
            for each in importlib.metadata.distributions()
            if each.name
        ]
    else:
        done = subprocess.run(  # noqa: S603 - our own words
            [python, "-c", _LIST], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout)
    return {
        canonicalize_name(name): Present(
            version=version, url=json.loads(url).get("url") if url else None
        )
        for name, version, url in reversed(found)  # the first on the path counts
    }


def _check(
    requirements: Iterable[Requirement], present: Mapping[str, Present]
) -> Iterator[Diagnostic]:
    for each in requirements:
        found = present.get(canonicalize_name(each.name)) if each.name else None
        if _is_missing(each, present):
            if each.is_optional:
                yield _say(
                    each,
                    Severity.WARNING,
                    f"'{each.text}' is not installed, and whether this line runs is not known",
                    "install it by hand if it is needed",
                )
            elif each.is_conda:
                yield _say(
                    each,
                    Severity.ERROR,
                    f"'{each.text}' is not installed, and pip may know it by another name",
                    f"conda install '{each.text}', then run again",
                )
            else:
                yield _say(
                    each,
                    Severity.INFO,
                    f"'{each.text}' is not installed: a run installs it before anything starts",
                )
        elif found is not None and not _is_met(each, found):
            yield _say(
                each,
                Severity.WARNING if each.is_optional else Severity.ERROR,
                f"'{each.text}' would replace {each.name} {found.version}, which is installed and "
                "may be in use by then",
                f"pip install '{each.text}', then run again",
            )
        elif each.is_upgrade and not each.is_optional:
            yield _say(
                each,
                Severity.WARNING,
                f"'{each.text}' is installed and is not upgraded by a run",
                "upgrade it by hand when you want to",
            )


def _say(
    each: Requirement, severity: Severity, message: str, hint: str | None = None
) -> Diagnostic:
    return Diagnostic(
        code="KP413", severity=severity, message=message, location=each.location, hint=hint
    )


def _specification(each: Requirement) -> Specification | None:
    try:
        return Specification(each.text)
    except InvalidRequirement:
        return None  # a path, or an address


def _is_missing(each: Requirement, present: Mapping[str, Present]) -> bool:
    """Tell whether nothing of the name is installed, though this machine needs it."""
    specification = _specification(each)
    marker = None if specification is None else specification.marker
    if marker is not None and not marker.evaluate():
        return False
    if each.name is not None:
        return canonicalize_name(each.name) not in present
    place = each.text.removeprefix("-e ").strip()
    return not any(
        found.url and _is_same_place(found.url, place, each) for found in present.values()
    )


def _is_same_place(url: str, place: str, each: Requirement) -> bool:
    if "://" in place:
        return place.removeprefix("git+").partition("@")[0].rstrip("/") == url.rstrip("/")
    folder = Path(each.location.path).absolute().parent / place
    return url.removeprefix("file://") == str(folder.resolve())


def _is_met(each: Requirement, found: Present) -> bool:
    specification = _specification(each)
    if specification is None or specification.url:
        return True
    if specification.marker is not None and not specification.marker.evaluate():
        return True
    return specification.specifier.contains(found.version, prereleases=True)


def _pairs(words: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield options with their values."""
    pair: tuple[str, ...] = ()
    for word in words:
        if word.startswith("-") and pair:
            yield pair
            pair = ()
        pair = (*pair, word)
    if pair:
        yield pair


def _as_arguments(texts: Iterable[str]) -> list[str]:
    """Return requirements as words; ``-e PATH`` is two."""
    return [
        word
        for text in texts
        for word in (text.split(" ", maxsplit=1) if text.startswith("-e ") else [text])
    ]


def _installer(python: str) -> Sequence[str]:
    """Return the words that begin an installation for an interpreter.

    Raises:
        BackendError: If there is no program that can.
    """
    probe = [python, "-c", "import importlib.util as u; print(u.find_spec('pip') is not None)"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)  # noqa: S603
    if done.stdout.strip() == "True":
        return (python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-q")
    uv = shutil.which("uv")
    if uv is None:
        raise BackendError(
            f"the notebook installs packages, and {python} has no pip\n"
            "  hint: install them by hand, then run again"
        )
    return (uv, "pip", "install", "--python", python, "--quiet")
