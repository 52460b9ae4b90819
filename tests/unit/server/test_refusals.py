"""Tests of the statuses and documents of errors."""

import pytest

from kernelpipe.errors import (
    BackendError,
    BackendUnavailableError,
    CompileError,
    KernelpipeError,
    NotebookReadError,
    RunError,
    UsageError,
)
from kernelpipe.model.diagnostic import Diagnostic, Severity
from kernelpipe.model.location import Location
from kernelpipe.server.refusals import plain_refusal, refusal

FOUND = Diagnostic(
    code="KP203",
    severity=Severity.ERROR,
    message="step 'b' reads 'x'",
    location=Location(path="a.ipynb", cell_index=2, cell_id="c2", line=1, column=0),
    hint="define it",
    related=(
        (
            Location(path="a.ipynb", cell_index=4, cell_id="c4", line=3, column=2),
            "it is defined here",
        ),
    ),
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(UsageError("no"), 400, id="wrong use"),
        pytest.param(NotebookReadError("no", path="a"), 422, id="no notebook"),
        pytest.param(CompileError(diagnostics=(FOUND,)), 422, id="a wrong notebook"),
        pytest.param(BackendError("no"), 502, id="a backend"),
        pytest.param(BackendUnavailableError("no", extra="kfp"), 502, id="a missing extra"),
        pytest.param(RunError("no"), 500, id="what no route raises"),
    ],
)
def test_refusal__error_on_purpose__has_this_status(error: KernelpipeError, status: int) -> None:
    """The statuses that STYLE lists."""
    found, document = refusal(error)

    assert found == status
    assert document["error"] == {"type": type(error).__name__, "message": str(error)}


def test_refusal__compile_error__carries_diagnostics_with_cell_ids() -> None:
    """The browser finds a cell by its id."""
    _, document = refusal(CompileError(diagnostics=(FOUND,)))

    assert document["diagnostics"] == [
        {
            "code": "KP203",
            "severity": "error",
            "message": "step 'b' reads 'x'",
            "path": "a.ipynb",
            "cell": 2,
            "cell_id": "c2",
            "line": 1,
            "column": 0,
            "hint": "define it",
            "related": [
                {
                    "path": "a.ipynb",
                    "cell": 4,
                    "cell_id": "c4",
                    "line": 3,
                    "column": 2,
                    "text": "it is defined here",
                }
            ],
        }
    ]


def test_refusal__our_fault__says_nothing_of_itself() -> None:
    """Internals are for the log."""
    status, document = refusal(ValueError("/home/anna/token=secret"))

    assert status == 500
    assert document == {
        "error": {
            "type": "InternalServerError",
            "message": "something went wrong; the server's log says more",
        },
        "diagnostics": [],
    }


def test_plain_refusal__no_message__says_what_http_says() -> None:
    """Every refusal says something."""
    assert plain_refusal(404, None) == {
        "error": {"type": "NotFound", "message": "Not Found"},
        "diagnostics": [],
    }
