"""The program of a worker process: reads tasks from its input and answers on its output.

Each request is a line of JSON (``task``, what the task needs, ``bytes``) and that many bytes of a
notebook; each answer is a line of JSON: an HTTP status and a document.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from kernelpipe.api.documents import JsonObject
from kernelpipe.server.refusals import refusal
from kernelpipe.server.tasks import TASKS

_LOG = logging.getLogger(__name__)

Request = tuple[dict[str, Any], bytes]
Task = Callable[[Mapping[str, Any], bytes], JsonObject]


def main(tasks: Mapping[str, Task] = TASKS) -> None:
    """Work until nobody holds this process's input any more.

    Args:
        tasks: Name -> what is done with a request and its notebook.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is the server's matter
    logging.basicConfig(format="[kernelpipe worker] %(message)s")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints must not become part of an answer
    requests: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        head, content = requests.get()
        answers.write(json.dumps(_answer(tasks, head, content)).encode() + b"\n")
        answers.flush()


def _read(stream: BinaryIO, requests: "SimpleQueue[Request]") -> None:
    """Take in requests; end the process at the end of its input, whatever it is doing."""
    while line := stream.readline():
        head = json.loads(line)
        requests.put((head, stream.read(head["bytes"])))
    os._exit(0)


def _answer(
    tasks: Mapping[str, Task], head: Mapping[str, Any], content: bytes
) -> tuple[int, JsonObject]:
    try:
        return 200, tasks[head["task"]](head, content)
    except Exception as error:  # noqa: BLE001  # the edge of this process
        status, document = refusal(error)
        if status >= 500:  # noqa: PLR2004  # our fault by HTTP's own rule
            _LOG.exception("%s failed", head["task"])
        return status, document


if __name__ == "__main__":
    main()
