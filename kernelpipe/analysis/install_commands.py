"""What a command of pip, conda or uv installs, and a command line without such commands."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MENTIONS = re.compile(r"\b(?:pip|pip3|conda|mamba|micromamba|uv)\b")
"""What must be in a cell that installs something."""
INSTALLERS = frozenset({"pip", "conda", "mamba", "micromamba", "uv"})
_CONDA = frozenset({"conda", "mamba", "micromamba"})
_PYTHON = re.compile(
    r"(?:\{?sys\.executable\}?|\$?\{?\w*python[\d.]*\}?|.*/python[\d.]*)", re.IGNORECASE
)
_PIP = re.compile(r"(?:.*/)?pip[\d.]*")
_SEPARATORS = re.compile(r"&&|\|\||;|\||&(?!>)|\n")
_REDIRECTION = re.compile(r"(?<!\S)(?:\d?|&)>>?\s*(?:&\d|\S+)")
_NAME = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?=$|[<>=!~;@ ])")
_EGG = re.compile(r"[#&]egg=([\w.-]+)")
_DECIDE = frozenset(
    "-i --index-url --extra-index-url -f --find-links -c --constraint --trusted-host --only-binary "
    "--no-binary --proxy --cert --platform --python-version --config-settings --global-option "
    "--pre --no-deps --no-index --no-build-isolation --prefer-binary".split()
)
"""Options that decide what is installed, and so stay."""
_FLAGS = frozenset("--pre --no-deps --no-index --no-build-isolation --prefer-binary".split())
"""Those of them without a value."""
_FILES = frozenset({"-r", "--requirement", "--file"})
_EDITABLE = frozenset({"-e", "--editable"})
_UPGRADE = frozenset({"-U", "--upgrade", "--force-reinstall", "-I", "--ignore-installed"})
_ELSEWHERE = frozenset("-t --target --prefix --root --src -b --build".split())
"""Options that install where no kernel looks."""
_OTHERS = frozenset(
    "--timeout --default-timeout --retries --progress-bar --log --cache-dir --upgrade-strategy "
    "--root-user-action --channel -n -p --name --exists-action --python --use-feature "
    "--use-deprecated".split()
)
"""Options with a value that decide nothing."""
_WITH_VALUE = (_DECIDE - _FLAGS) | _FILES | _EDITABLE | _ELSEWHERE | _OTHERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """What one command installs.

    ``files`` are of ``-r``; ``problem`` says why it cannot be done once for all steps.
    """

    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    is_upgrade: bool = False
    is_conda: bool = False
    problem: str | None = None


def requirement_name(text: str) -> str | None:
    """Return the name of the distribution in a requirement, None where only pip can tell."""
    egg = _EGG.search(text)
    found = None if "://" in text.partition(" @ ")[0] else _NAME.match(text)
    name = egg[1] if egg else found[1] if found and not text.startswith((".", "/")) else None
    return None if name is None or text.endswith((".whl", ".zip", ".gz")) else name


def without_installs(command: str) -> tuple[str, tuple[Install, ...]]:
    """Return a command line with ``true`` in place of what installs, and the latter."""
    found: list[Install] = []
    parts: list[str] = []
    for text, separator in _segments(command):
        install = read_install(split_words(text))
        if install is None:
            parts += [text, separator]
        else:
            found.append(install)
            before = text[: len(text) - len(text.lstrip())]
            parts += [before, "true", text[len(text.rstrip()) :], separator]
    return "".join(parts), tuple(found)


def _segments(command: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a line, each with what separates it from the next."""
    quoted = [m.span() for m in re.finditer(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|[0-9]?>&[0-9]", command)]
    start = 0
    for match in _SEPARATORS.finditer(command):
        if not any(a <= match.start() < b for a, b in quoted):
            yield command[start : match.start()], match[0]
            start = match.end()
    yield command[start:], ""


def split_words(text: str) -> list[str]:
    """Return the words of one command, less its redirections and what sets its environment."""
    quoted = re.search(r"[\"'][^\"']*>[^\"']*[\"']", text) is not None
    bare = text if quoted else _REDIRECTION.sub(" ", text)
    try:
        words = shlex.split(bare, comments=True)
    except ValueError:
        return bare.split()
    while words and (words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=\S*", words[0])):
        words = words[1:]
    return words


def read_install(words: Sequence[str]) -> Install | None:
    """Return what the words of a command install, None if it is another command."""
    rest = list(words)
    if len(rest) > 2 and _PYTHON.fullmatch(rest[0]) and rest[1] == "-m":  # noqa: PLR2004
        rest = rest[2:]
    if rest[:2] == ["uv", "pip"]:
        rest = rest[1:]
    if not rest or not (_PIP.fullmatch(rest[0]) or rest[0] in _CONDA):
        return None
    is_conda = rest[0] in _CONDA
    rest = [word for index, word in enumerate(rest[1:]) if index or not word.startswith("-")]
    while rest and rest[0].startswith("-"):
        rest = rest[1:]
    if not rest or rest[0] not in ("install", "uninstall", "remove"):
        return None
    if rest[0] != "install":
        return Install(problem=f"it takes away {' '.join(w for w in rest[1:] if w[:1] != '-')}")
    return _read_arguments(rest[1:], is_conda=is_conda)


def _read_arguments(words: list[str], *, is_conda: bool) -> Install:
    requirements: list[str] = []
    files: list[str] = []
    options: list[str] = []
    is_upgrade = False
    problem: str | None = None
    for name, value in _arguments(words):
        if not name:
            requirements.append(_conda_spec(value) if is_conda else value)
        elif name in _FILES:
            files.append(value)
        elif name in _EDITABLE:
            requirements.append(f"-e {value}")
        elif name in _UPGRADE:
            is_upgrade = True
        elif is_conda:
            pass  # channels and the like
        elif name in _DECIDE:
            options += [name] if name in _FLAGS else [name, value]
        elif name in _ELSEWHERE:
            problem = f"'{name}' installs where the steps do not look"
    return Install(
        requirements=tuple(requirements),
        files=tuple(files),
        options=tuple(options),
        is_upgrade=is_upgrade,
        is_conda=is_conda,
        problem=problem,
    )


def _arguments(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (option, its value), with "" as option for what is none."""
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("-"):
            yield "", word
            continue
        name, has_value, value = word.partition("=")
        if not word.startswith("--") and word[:2] in _WITH_VALUE and word[2:]:
            name, has_value, value = word[:2], "=", word[2:]
        if name in _WITH_VALUE and not has_value:
            value = queue.pop(0) if queue else ""
        yield name, value


def _conda_spec(word: str) -> str:
    """Return conda's way to say a version (``numpy=1.26``) as pip's."""
    name, equals, version = word.rpartition("::")[2].partition("=")
    if not equals or name[-1:] in "<>!=" or version.startswith("="):
        return word.rpartition("::")[2]
    return f"{name}=={version.partition('=')[0].rstrip('.*')}.*"
