"""What the magics of IPython and of well-known extensions do, by name."""

PYTHON = {
    "time": "",
    "prun": "D:l:rs:T:q",
    "memit": "r:t:i:coq",
    "mprun": "rT:f:c",
    "lprun": "rsf:m:D:T:u:z",
    "debug": "b:",
}
"""Magics that run their line, or the cell, in the notebook's namespace -> their short options."""
TIMED = {"timeit": "n:r:tcp:qov:"}
"""Magics that run code in a function of their own, so that it binds nothing."""
WRAPPERS = frozenset({*PYTHON, *TIMED, "capture"})
"""Cell magics whose body is Python of the notebook."""
CONFIGURATION = frozenset(
    "matplotlib config load_ext reload_ext unload_ext autoreload precision pprint colors xmode gui "
    "autosave alias alias_magic unalias rehashx doctest_mode automagic autocall autoawait pdb "
    "code_wrap".split()
)
"""Magics that set the session up; later steps repeat them."""
WITHOUT_TRACE = frozenset({"matplotlib", "autoreload", "autosave", "gui", "xmode", "colors", "pdb"})
"""Of these, those that no later result depends on: nothing is lost where one is not repeated."""
HELP = frozenset("pinfo pinfo2 pdoc pdef psource pfile psearch".split())
HARMLESS = frozenset(
    "lsmagic magic pwd conda pip mamba micromamba uv page quickref tb connect_info qtconsole "
    "killbgscripts clear cls load loadpy edit ed subshell watermark version_information".split()
)
"""Magics that only show something, or act on what is no part of the notebook's state."""
PLAIN_LINE_MAGICS = CONFIGURATION | HARMLESS
"""Magics whose line holds no Python."""
SHELL_ALIASES = frozenset(
    "ls ll lf lk ldir lx cat cp mv rm mkdir rmdir man less more pycat".split()
)
"""Magics that are commands of the system by another name."""
OF_HISTORY = frozenset(
    "history hist macro save rerun recall rep notebook pastebin logstart logon logoff logstate "
    "logstop".split()
)
"""Magics that deal with the texts of the cells that were run in the session."""
TEXT_CELLS = frozenset("html javascript js latex markdown svg HTML SVG".split())
SCRIPT_CELLS = frozenset(
    "bash sh script perl ruby python python2 python3 pypy cmd system sx !".split()
)
LISTS_EVERYTHING = frozenset("who whos who_ls".split())


def split_options(line: str, short: str) -> tuple[dict[str, str], str]:
    """Return the options that a magic's line begins with, by name, and the rest of the line.

    Args:
        line: As it stands after the magic's name.
        short: Letters of the short options as getopt takes them, ``n:q``: ``n`` takes a value.
    """
    found: dict[str, str] = {}
    rest = line.lstrip()
    while rest.startswith("-") and rest[1:2] not in ("", " "):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            if not name:
                break
            found[name] = value
            continue
        for index, letter in enumerate(word[1:], start=1):
            if f"{letter}:" not in short:
                found[letter] = ""
                continue
            value = word[index + 1 :]
            if not value:
                value, _, rest = rest.partition(" ")
                rest = rest.lstrip()
            found[letter] = value
            break
    return found, rest
