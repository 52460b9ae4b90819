"""Give a step's pod the packages that the notebook was compiled with."""

import importlib
import importlib.metadata
import importlib.util
import os
import site
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PIP = (
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-cache-dir",
    "--retries=2",
    "--timeout=20",
)
USE_IMAGE = "image"
"""What ``KERNELPIPE_VERSIONS`` is set to when the image's versions are to be used."""

RunPip = Callable[[Sequence[str]], tuple[int, str]]


class PackagesError(Exception):
    """The pod cannot have a package that the step imports; the message says which and why."""


def provide_packages(
    step: Mapping[str, object],
    target: Path,
    *,
    environ: Mapping[str, str],
    run_pip: RunPip | None = None,
) -> list[str]:
    """Install what the image lacks, or has in another version, into ``target``, and use it.

    Args:
        step: Has ``pins`` (what the step imports), ``needed`` (these and all that they need) and
            ``tools`` (what runs and renders notebooks), each name -> version, and ``platform``.
        target: A directory that may not exist yet.
        environ: Environment variables.
        run_pip: Runs pip with arguments and returns its exit code and messages.

    Returns:
        Warnings: what is not as it was compiled.

    Raises:
        PackagesError: If a package that the step imports cannot be had in its version.
    """
    pins: Mapping[str, str] = step["pins"]  # type: ignore[assignment]  # our own JSON
    needed: Mapping[str, str] = step["needed"]  # type: ignore[assignment]
    tools: Mapping[str, str] = step["tools"]  # type: ignore[assignment]
    present = {name: installed_version(name) for name in (*needed, *tools)}
    warnings: list[str] = []
    wrong = {name: needed[name] for name in needed if present[name] != needed[name]}
    if environ.get("KERNELPIPE_VERSIONS") == USE_IMAGE:
        kept = [f"{n} {present[n]} (compiled with {v})" for n, v in wrong.items() if present[n]]
        if kept:
            warnings.append("using the image's own versions: " + ", ".join(kept))
        wrong = {name: version for name, version in wrong.items() if present[name] is None}
    lacking = {name: tools[name] for name in tools if present[name] is None}
    if not wrong and not lacking:
        return warnings
    pip = run_pip or _run_pip
    exact = step["platform"] == sys.platform
    code, messages = _install(pip, target, {**wrong, **lacking}, needed, exact=exact)
    if code and wrong and lacking:
        code, messages = _install(pip, target, wrong, needed, exact=exact)
    elif code and lacking:
        warnings.append("no ipykernel or nbconvert here: running without a kernel")
        return warnings
    if code:
        warnings.append(_failed(pins, wrong, present, messages))
    _use(target)
    return warnings


def _install(
    pip: RunPip, target: Path, wanted: Mapping[str, str], needed: Mapping[str, str], *, exact: bool
) -> tuple[int, str]:
    """Run pip; on the system of the compile ``wanted`` is complete, elsewhere pip adds to it."""
    requirements = [f"{name}=={version}" for name, version in sorted(wanted.items())]
    if exact:
        return pip([*_PIP, "--target", str(target), "--no-deps", *requirements])
    target.mkdir(parents=True, exist_ok=True)
    constraints = target / "constraints.txt"
    lines = [f"{name}=={version}\n" for name, version in sorted(needed.items())]
    constraints.write_text("".join(lines), encoding="utf-8")
    return pip([*_PIP, "--target", str(target), "--constraint", str(constraints), *requirements])


def _failed(
    pins: Mapping[str, str],
    wrong: Mapping[str, str],
    present: Mapping[str, str | None],
    messages: str,
) -> str:
    """Return a warning for packages that only others need, raise for what the step imports."""
    listed = ", ".join(
        f"{name}=={version} (the image has {present[name] or 'none'})"
        for name, version in sorted(wrong.items())
    )
    text = f"cannot install {listed}: {_last_line(messages)}"
    if any(name in pins for name in wrong):
        raise PackagesError(
            f"{text}\n  hint: give the step an image with these versions (tag image:...), or a "
            "reachable index (tag env:PIP_INDEX_URL:...); the tag env:KERNELPIPE_VERSIONS:image "
            "uses what the image has, with results that may differ"
        )
    return f"{text}; results may differ from the notebook's"


def _last_line(messages: str) -> str:
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip said nothing"])[-1]


def installed_version(name: str) -> str | None:
    """Return the version of a distribution, None if it is not there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _run_pip(arguments: Sequence[str]) -> tuple[int, str]:
    if importlib.util.find_spec("pip") is None:
        return 1, "the image has no pip"
    done = subprocess.run(  # noqa: S603 - our own words and pinned names
        [sys.executable, "-m", "pip", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _use(target: Path) -> None:
    """Let this process and its kernel import from ``target`` before the image's own packages."""
    places = {*site.getsitepackages(), site.getusersitepackages()}
    first = next((i for i, path in enumerate(sys.path) if path in places), len(sys.path))
    sys.path.insert(first, str(target))
    importlib.invalidate_caches()
    _prepend("PYTHONPATH", str(target))
    _prepend("JUPYTER_PATH", str(target / "share" / "jupyter"))
    _prepend("PATH", str(target / "bin"))


def _prepend(variable: str, path: str) -> None:
    before = os.environ.get(variable)
    os.environ[variable] = os.pathsep.join([path, before]) if before else path
