"""Every exception that kernelpipe raises on purpose, with its exit code.

KernelpipeError
├── UsageError            exit 2   the request cannot be done as asked
├── NotebookReadError     exit 3   not a readable notebook
├── CompileError          exit 3   carries every diagnostic, in notebook order
├── BackendError          exit 4   a backend cannot be reached or refuses
│   ├── BackendUnavailableError    an extra is not installed
│   └── ClusterError               the API of a cluster did not do what it was asked
│       └── SubmissionLostError    nobody knows whether it has the run that was submitted
└── RunError              exit 5   a run that failed
    └── RunInterruptedError  exit 130
"""

from collections.abc import Iterable

from kernelpipe.model.diagnostic import Diagnostic, in_notebook_order

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of servers that are busy, restarting or behind a busy proxy."""


class KernelpipeError(Exception):
    """Base of all; ``exit_code`` is the process's exit code."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(
    kind: type[KernelpipeError], args: tuple[object, ...], facts: dict[str, object]
) -> KernelpipeError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


class UsageError(KernelpipeError):
    """The request cannot be done as asked; nothing was started."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)
        self.hint = hint


class NotebookReadError(KernelpipeError):
    """The file is not a notebook that can be read."""

    exit_code = 3

    def __init__(self, message: str, *, path: str, hint: str | None = None) -> None:
        text = f"{path}: error[KP100]: {message}"
        super().__init__(f"{text}\n  hint: {hint}" if hint else text)
        self.reason = message
        self.path = path
        self.hint = hint


class CompileError(KernelpipeError):
    """The notebook has errors; ``diagnostics`` are all findings, in notebook order."""

    exit_code = 3

    def __init__(self, *, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = in_notebook_order(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))


class BackendError(KernelpipeError):
    """A backend cannot be reached or refuses."""

    exit_code = 4


class BackendUnavailableError(BackendError):
    """What the backend needs is not installed; ``extra`` is what to install."""

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(f"{message}\n  hint: pip install 'kernelpipe[{extra}]'")
        self.extra = extra


class ClusterError(BackendError):
    """The API of a cluster cannot be reached or refuses.

    ``status`` is the HTTP status of its answer, None if there was none; ``is_passing`` tells
    whether the same request may succeed a little later.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        hint: str | None = None,
        is_passing: bool | None = None,
    ) -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)
        self.status = status
        self.hint = hint
        by_status = status is None or status in _PASSING
        self.is_passing = by_status if is_passing is None else is_passing


class SubmissionLostError(ClusterError):
    """A run was submitted and the answer was lost: the cluster may have it or not.

    ``run_id`` is that of its record here, None while there is none.
    """

    run_id: str | None = None


class RunError(KernelpipeError):
    """A run did not succeed."""

    exit_code = 5


class RunInterruptedError(RunError):
    """A run was stopped by the user or by a signal; outputs so far are kept."""

    exit_code = 130

    def __init__(self, message: str, *, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return "did you mean 'x'?" for the nearest of ``known``, or None when nothing is near."""
    import difflib  # noqa: PLC0415  # 2 ms that only mistakes need

    names = sorted(known)
    same = [each for each in names if each.lower() == name.lower()]
    near = same or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None
