"""Refusals of the stand-in, in the server's own shape."""

from enum import Enum
from typing import Any


class Code(Enum):
    """gRPC codes with the HTTP status that grpc-gateway gives them."""

    INVALID_ARGUMENT = (3, 400)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)


class RefusalError(Exception):
    """A request that is not carried out."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.code.value[1]

    def document(self) -> dict[str, Any]:
        """Return the body of the answer."""
        status = "type.googleapis.com/google.rpc.Status"
        return {
            "code": self.code.value[0],
            "message": self.message,
            "details": [{"@type": status, "code": self.code.value[0], "message": self.message}],
        }


def invalid(message: str) -> RefusalError:
    """Return the refusal of a request that is wrong in itself."""
    return RefusalError(Code.INVALID_ARGUMENT, f"Invalid input error: {message}")


def not_found(kind: str, name: str) -> RefusalError:
    """Return the refusal of a request about something that does not exist."""
    return RefusalError(Code.NOT_FOUND, f"ResourceNotFoundError: {kind} {name} not found.")
