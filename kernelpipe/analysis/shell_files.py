"""Which files the commands of a shell line read and write."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple


class ShellUse(NamedTuple):
    """A file that a command may read or write; ``path`` may be a pattern, None means any file."""

    path: str | None
    is_write: bool


_NOTHING: Final = frozenset(
    "echo printf pip pip3 conda mamba uv pwd date nvidia-smi uname true false which whoami sleep "
    "free nproc lscpu hostname id env printenv export exit".split()
)
_READERS: Final = frozenset(
    "ls cat head tail wc du df grep egrep fgrep sort uniq cut file stat md5sum sha1sum sha256sum "
    "diff cmp less more test [ tree nl tac rev od xxd strings jq awk sed tr column".split()
)
_CHANGERS: Final = frozenset("mkdir rm rmdir touch mv tee truncate chmod ln".split())
_ENDS: Final = frozenset({";", "&&", "||", "|", "&", "\n"})
_ANY: Final = (ShellUse(None, is_write=False), ShellUse(None, is_write=True))
_WGET_TARGETS: Final = ("O", "P", "--output-document", "--directory-prefix")
_TAKE_TEXT: Final = frozenset("grep egrep fgrep awk sed jq".split())
"""Commands whose first word is no file, but what to look for."""


def shell_uses(command: str) -> tuple[ShellUse, ...]:
    """Return the files that ``command`` may read and write; of what is not known, any file."""
    if any(part in command for part in ("`", "$(", "<(", ">(", "<<")):
        return _ANY
    uses: list[ShellUse] = []
    for line in command.splitlines():
        try:
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
        except ValueError:
            return _ANY
        for words_of_one in _commands(words):
            uses += _uses(words_of_one)
    return tuple(dict.fromkeys(uses))


def _commands(words: Iterable[str]) -> Iterator[list[str]]:
    current: list[str] = []
    for word in words:
        if word in _ENDS:
            yield current
            current = []
        else:
            current.append(word)
    yield current


def _uses(words: Sequence[str]) -> Iterator[ShellUse]:
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if set(word) <= set("<>&|"):
            target = next(rest, None)
            if plain and plain[-1] in ("1", "2"):
                plain.pop()  # the number of the stream
            if target is not None and target != "/dev/null" and not target.isdigit():
                yield ShellUse(target, is_write=">" in word)
        else:
            plain.append(word)
    while plain and "=" in plain[0] and plain[0].partition("=")[0].isidentifier():
        plain.pop(0)  # a variable for the command
    if plain:
        yield from () if plain[0] in _NOTHING else _uses_of(plain[0], plain[1:])


def _uses_of(name: str, words: Sequence[str]) -> Iterable[ShellUse]:
    paths = [word for word in words if not word.startswith("-")]
    if name in _READERS and not (name in ("sed", "sort") and len(paths) != len(words)):
        files = paths[1:] if name in _TAKE_TEXT else paths
        return [ShellUse(path, is_write=False) for path in files] or (
            [ShellUse(".", is_write=False)] if name in ("ls", "du", "tree") else ()
        )
    if name in _CHANGERS or (name == "cp" and len(paths) > 1):
        read = len(paths) - 1 if name == "cp" else 0
        return [ShellUse(path, is_write=place >= read) for place, path in enumerate(paths)]
    if name in ("wget", "curl"):
        return _downloaded(name, words)
    if name == "unzip" and paths:
        after = words[words.index("-d") + 1 :] if "-d" in words else ()
        return (
            ShellUse(paths[0], is_write=False),
            ShellUse(after[0] if after else ".", is_write=True),
        )
    return _ANY


def _downloaded(name: str, words: Sequence[str]) -> Iterable[ShellUse]:
    """Return what a download writes: the file or folder that it names, else one right here."""
    targets = ("o", "--output") if name == "curl" else _WGET_TARGETS
    for option, target in pairwise(words):
        is_cluster = option.startswith("-") and not option.startswith("--")
        if option in targets or (is_cluster and option.endswith(targets)):
            return () if target == "-" else (ShellUse(target, is_write=True),)
    clusters = [word for word in words if word.startswith("-") and not word.startswith("--")]
    is_named = "--remote-name" in words or any("O" in word for word in clusters)
    if name == "curl" and not is_named:
        return ()
    return (ShellUse(".", is_write=True),)
