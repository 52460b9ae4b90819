"""Exceptions to the statuses and documents that the server answers with."""

from http import HTTPStatus

from kernelpipe.api.documents import JsonObject, editor_diagnostic, error_document
from kernelpipe.errors import (
    BackendError,
    CompileError,
    KernelpipeError,
    NotebookReadError,
    UsageError,
)

_STATUSES: tuple[tuple[type[KernelpipeError], HTTPStatus], ...] = (
    (UsageError, HTTPStatus.BAD_REQUEST),
    (NotebookReadError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (CompileError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (BackendError, HTTPStatus.BAD_GATEWAY),
)


def status_of(error: KernelpipeError) -> int:
    """Return the HTTP status of an error that was raised on purpose."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def refusal(error: BaseException) -> tuple[int, JsonObject]:
    """Return status and document; what was not raised on purpose says nothing of itself."""
    if isinstance(error, CompileError):
        return status_of(error), error_document(error) | {"diagnostics": _diagnostics(error)}
    if isinstance(error, KernelpipeError):
        return status_of(error), error_document(error)
    return 500, plain_refusal(500, "something went wrong; the server's log says more")


def _diagnostics(error: CompileError) -> list[JsonObject]:
    return [editor_diagnostic(each, lambda place: place.cell_id) for each in error.diagnostics]


def plain_refusal(status: int, message: str | None) -> JsonObject:
    """Return the document of a refusal that HTTP itself has a name for."""
    phrase = HTTPStatus(status).phrase
    return {
        "error": {"type": phrase.replace(" ", ""), "message": message or phrase},
        "diagnostics": [],
    }
