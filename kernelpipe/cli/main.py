"""The entry of the command line: finds the command, maps errors to exit codes."""

import os
import sys
from collections.abc import Sequence

from kernelpipe.cli import registry
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.errors import (
    CompileError,
    KernelpipeError,
    NotebookReadError,
    UsageError,
    did_you_mean,
)

EXIT_OK = 0
EXIT_OUR_BUG = 1
EXIT_INTERRUPTED = 130
EXIT_NOBODY_READS = 141

_BUG = "This is a bug in kernelpipe; please report it with the lines above."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit code.

    Args:
        argv: The words after ``kernelpipe``; None means those of this process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _make_output_safe()
    try:
        code = _execute(words)
        sys.stdout.flush()
    except KernelpipeError as error:
        _print_error(error, words)
        code = error.exit_code
    except SystemExit as end:  # argparse ends so after --help
        code = int(end.code or EXIT_OK)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is still buffered must not fail again when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_NOBODY_READS
    except Exception:  # noqa: BLE001  # the outermost edge
        import traceback  # noqa: PLC0415  # not needed when all is well

        traceback.print_exc()
        print(_BUG, file=sys.stderr)
        code = EXIT_OUR_BUG
    return code


def _make_output_safe() -> None:
    """Let text that a stream's encoding lacks come out escaped, not as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _execute(words: Sequence[str]) -> int:
    if not words or words[0] in {"-h", "--help"}:
        print(_help_text(), end="")
        return EXIT_OK if words else UsageError.exit_code
    if words[0] in {"-V", "--version"}:
        from kernelpipe import __version__  # noqa: PLC0415  # only here

        print(f"kernelpipe {__version__}")
        return EXIT_OK
    return _execute_command(words[0], words[1:])


def _execute_command(name: str, words: Sequence[str]) -> int:
    command = registry.load(name)
    if command is None:
        kind = "option" if name.startswith("-") else "command"
        raise UsageError(
            f"there is no {kind} '{name}'",
            hint=did_you_mean(name, [*registry.SUMMARIES, "--help", "--version"])
            or f"the commands are: {', '.join(registry.SUMMARIES)}",
        )
    parser = ArgumentParser(prog=f"kernelpipe {name}", description=registry.SUMMARIES[name])
    command.add_arguments(parser)
    return command.execute(parser.parse(words))


def _help_text() -> str:
    width = max(map(len, registry.SUMMARIES))
    lines = [f"  {name:{width}}  {text}" for name, text in registry.SUMMARIES.items()]
    return "\n".join(
        [
            "usage: kernelpipe COMMAND ...",
            "",
            "Compile tagged Jupyter notebooks to pipelines; run them here or on Kubeflow.",
            "",
            *lines,
            "",
            "kernelpipe COMMAND --help shows the options of a command.",
            "Exit codes: 0 done, 2 wrong use, 3 the notebook has errors, 4 a backend refuses,",
            "5 the run failed, 130 interrupted, 1 a bug of ours.",
            "",
        ]
    )


def _print_error(error: KernelpipeError, words: Sequence[str]) -> None:
    if isinstance(error, CompileError):
        from kernelpipe.cli.diagnostics import DiagnosticPrinter  # noqa: PLC0415  # only here

        DiagnosticPrinter(sys.stderr).print_all(error.diagnostics)
    elif isinstance(error, NotebookReadError):  # says "error" itself, after the path
        print(error, file=sys.stderr)
    else:
        print(f"error: {error}", file=sys.stderr)
    if "--json" in words:
        from kernelpipe.api import error_document, to_json  # noqa: PLC0415  # only here

        print(to_json(error_document(error)))
