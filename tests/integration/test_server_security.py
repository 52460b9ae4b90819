"""Tests that the routes refuse what they must, and touch nothing then."""

import http.client
import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kit
import pytest
import server_kit
from server_kit import Answer, Server

pytestmark = pytest.mark.integration

JSON = dict[str, Any]
NOTEBOOK = kit.notebook(kit.code("x = 1", "step:a"), kit.code("print(x)", "step:b"))
RUN = "runs/20260101-000000-abcdef"
SCHEDULE = "schedules/0123456789abcdef"
ROUTES = [
    ("GET", "status"),
    ("POST", "analysis"),
    ("POST", "compile"),
    ("POST", "plan"),
    ("POST", "proposal"),
    ("POST", "tags"),
    ("GET", "runs"),
    ("POST", "runs"),
    ("GET", f"{RUN}?folder="),
    ("DELETE", f"{RUN}?folder="),
    ("POST", f"{RUN}/stop?folder="),
    ("POST", f"{RUN}/resume?folder="),
    ("GET", f"{RUN}/notebook?folder="),
    ("GET", f"{RUN}/log?folder=&step=a&offset=0"),
    ("GET", f"{RUN}/failure?folder=&step=a"),
    ("GET", f"{RUN}/values?folder=&step=a"),
    ("GET", f"{RUN}/comparison?folder=&with_folder=&with={RUN[5:]}"),
    ("GET", f"{RUN}/report?folder="),
    ("GET", "schedules?path=a.ipynb"),
    ("POST", "schedules"),
    ("DELETE", f"{SCHEDULE}?path=a.ipynb"),
    ("POST", f"{SCHEDULE}/pause?path=a.ipynb"),
    ("POST", f"{SCHEDULE}/resume?path=a.ipynb"),
    ("GET", "schedule-words?cron=@daily"),
]
POSTS = [route for method, route in ROUTES if method == "POST"]
WITH_PATH = ["analysis", "compile", "plan", "proposal", "runs", "schedules"]
BODY = {"path": "a.ipynb", "notebook": NOTEBOOK, "parameters": {}, "save": True}


@pytest.fixture
def untouched(jupyter_server: Server) -> Iterator[Path]:
    """Return a folder in the root, with a notebook; fail if anything has changed at the end."""
    folder = Path(tempfile.mkdtemp(dir=jupyter_server.root))
    outside = Path(tempfile.mkdtemp(dir=jupyter_server.root.parent, prefix="outside-"))
    for each in (folder, outside):
        kit.write(each / "a.ipynb", *NOTEBOOK["cells"])
        (each / "a.yaml").write_text("mine: 1\n")
    (folder / "link").symlink_to(outside)
    (folder / "link.ipynb").symlink_to(outside / "a.ipynb")
    (folder / ".hidden").mkdir()
    kit.write(folder / ".hidden" / "a.ipynb", *NOTEBOOK["cells"])
    before = _seen(folder, outside, jupyter_server.root.parent)
    yield folder
    assert _seen(folder, outside, jupyter_server.root.parent) == before


def _seen(*folders: Path) -> list[tuple[str, bytes | None]]:
    """Return all files with their content, and what is next to the root."""
    *deep, flat = folders
    found: list[tuple[str, bytes | None]] = [(str(path), None) for path in flat.iterdir()]
    for folder in deep:
        found += [
            (str(path), path.read_bytes() if path.is_file() else None) for path in folder.rglob("*")
        ]
    return sorted(found, key=lambda each: each[0])


def _with_cookies(
    server: Server, method: str, route: str, *, xsrf: bool = True, headers: JSON | None = None
) -> Answer:
    """Ask as a browser does that logged in."""
    cookies = server.cookies()
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    if xsrf:
        sent["X-XSRFToken"] = cookies["_xsrf"]
    body = BODY if method == "POST" else None
    return server.request(method, route, body, token=None, headers=sent | (headers or {}))


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.parametrize("token", [None, "wrong"])
@pytest.mark.usefixtures("untouched")
def test_route__no_or_wrong_token__is_forbidden(
    jupyter_server: Server, method: str, route: str, token: str | None
) -> None:
    """Strangers get nothing, and no page to log in either."""
    answer = jupyter_server.request(method, route, BODY if method == "POST" else None, token=token)

    assert answer.status == 403
    assert answer.json["error"]["type"] == "Forbidden"


def test_route__token_in_a_cookie_with_xsrf__is_answered(jupyter_server: Server) -> None:
    """So the refusals below are refused for what they say."""
    assert (
        _with_cookies(jupyter_server, "GET", "status", headers=_referer(jupyter_server)).status
        == 200
    )
    assert _with_cookies(jupyter_server, "POST", "analysis").status == 200


def _referer(server: Server) -> dict[str, str]:
    return {"Referer": f"http://127.0.0.1:{server.port}/lab"}


@pytest.mark.parametrize("route", POSTS)
@pytest.mark.usefixtures("untouched")
def test_post__without_xsrf__is_forbidden(jupyter_server: Server, route: str) -> None:
    """A form on another page cannot post with the user's cookies."""
    answer = _with_cookies(jupyter_server, "POST", route, xsrf=False)

    assert answer.status == 403


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.usefixtures("untouched")
def test_route__foreign_origin__is_refused(jupyter_server: Server, method: str, route: str) -> None:
    """A script on another page cannot either, whatever it knows."""
    answer = _with_cookies(jupyter_server, method, route, headers={"Origin": "https://example.com"})

    assert answer.status in {403, 404}
    assert answer.json["error"]["type"] in {"Forbidden", "NotFound"}
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.usefixtures("untouched")
def test_route__foreign_host__is_forbidden(jupyter_server: Server, method: str, route: str) -> None:
    """A name that someone points here is not this server's."""
    answer = jupyter_server.request(
        method, route, BODY if method == "POST" else None, headers={"Host": "example.com"}
    )

    assert answer.status == 403


@pytest.mark.parametrize(
    "path",
    [
        "../{outside}/a.ipynb",
        "{folder}/../../{outside}/a.ipynb",
        "{folder}/link/a.ipynb",
        "{folder}/link.ipynb",
        "{folder}/link/nothing.ipynb",
        "{folder}/.hidden/a.ipynb",
        "{absolute}/a.ipynb",
        "/etc/passwd",
        "..\\{outside}\\a.ipynb",
        "C:/a.ipynb",
        "a\0.ipynb",
    ],
)
@pytest.mark.parametrize("route", WITH_PATH)
def test_post__path_outside__is_no_file(
    jupyter_server: Server, untouched: Path, route: str, path: str
) -> None:
    """Whether it is there or not, the answer is one; nothing is read or written."""
    outside = (untouched / "link").resolve()
    named = path.format(outside=outside.name, folder=untouched.name, absolute=outside)

    answer = jupyter_server.request("POST", route, BODY | {"path": named})

    assert answer.status == 404
    assert answer.message == f"there is no file {named!r} on this server"
    assert answer.json["diagnostics"] == []


@pytest.mark.parametrize(
    "folder",
    ["..", "%2e%2e", "%2e%2e%2f", "..%2f", "%2fetc", "{folder}%2flink", "{folder}/.hidden", "a%00"],
)
@pytest.mark.parametrize(
    ("method", "route"), [(method, route) for method, route in ROUTES if "?folder=" in route]
)
def test_run__folder_outside__is_no_run(
    jupyter_server: Server, untouched: Path, method: str, route: str, folder: str
) -> None:
    """Runs are looked for inside the root only, however the folder is written."""
    written = route.replace("?folder=", f"?folder={folder.format(folder=untouched.name)}")

    answer = jupyter_server.request(method, written, {} if method == "POST" else None)

    assert answer.status in {400, 404}


@pytest.mark.parametrize(
    "route",
    [
        "../api/contents",
        "%2e%2e/api/contents",
        "runs/..",
        "runs/%2e%2e",
        "runs/%2e%2e/notebook?folder=",
        "runs/..%2f..%2fa?folder=",
        "runs/.%00?folder=",
    ],
)
@pytest.mark.usefixtures("untouched")
def test_run__id_is_a_way_outside__is_no_run(jupyter_server: Server, route: str) -> None:
    """A run's id is no path."""
    answer = jupyter_server.request("GET", f"/kernelpipe/{route}")

    assert answer.status in {400, 404}


def _chunks(size: int) -> Iterator[bytes]:
    yield b'{"path": "a.ipynb", "notebook": {"cells": ["'
    yield from itertools.repeat(b"x" * 100_000, size // 100_000)
    yield b'"]}}'


@pytest.mark.parametrize("route", ["analysis", "compile", "plan", "proposal", "tags", "runs"])
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.usefixtures("untouched")
def test_post__huge_body__is_too_large(
    jupyter_server: Server, route: str, is_chunked: object
) -> None:
    """It is not even parsed, whether its length was said beforehand or not."""
    chunks = _chunks(21_000_000)

    answer = jupyter_server.request("POST", route, chunks if is_chunked else b"".join(chunks))

    assert answer.status == 413
    assert "this server reads 20.0 MB" in answer.message


def test_post__huge_body_of_a_stranger__is_forbidden_before_it_is_read(
    jupyter_server: Server,
) -> None:
    """The answer is there although not a byte of the body is."""
    cookie = jupyter_server.cookies(is_login=False)["_xsrf"]
    connection = http.client.HTTPConnection("127.0.0.1", jupyter_server.port, timeout=20)
    connection.putrequest("POST", "/kernelpipe/analysis")
    connection.putheader("Content-Length", "400000000")
    connection.putheader("Cookie", f"_xsrf={cookie}")
    connection.putheader("X-XSRFToken", cookie)
    connection.endheaders()

    answer = connection.getresponse()

    assert (answer.status, json.load(answer)["error"]["message"]) == (403, "Forbidden")
    connection.close()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b'{"path": NaN}', id="not a number"),
        pytest.param(b'{"path": ' + b"[" * 500_000, id="nested deeply"),
        pytest.param(b'{"a":' * 500_000 + b"1" + b"}" * 500_000, id="nested deeply and closed"),
    ],
)
@pytest.mark.parametrize("route", ["analysis", "compile", "plan", "proposal", "tags", "runs"])
@pytest.mark.usefixtures("untouched")
def test_post__malformed_body__is_a_bad_request(
    jupyter_server: Server, route: str, body: bytes
) -> None:
    """The client's mistake is told as such."""
    answer = jupyter_server.request("POST", route, body)

    assert answer.status == 400
    assert answer.json["error"]["type"] == "BadRequest"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"path": None}, id="no path"),
        pytest.param({"path": 3}, id="a number for a path"),
        pytest.param({"path": ["a"]}, id="a list for a path"),
        pytest.param({"path": "\ud800.ipynb"}, id="half a character for a path"),
        pytest.param({"notebook": None}, id="no notebook"),
        pytest.param({"notebook": "x"}, id="a text for a notebook"),
        pytest.param({"notebook": []}, id="a list for a notebook"),
        pytest.param({"notebook": {}}, id="no cells"),
        pytest.param({"notebook": {"cells": {}}}, id="a mapping for cells"),
        pytest.param({"notebook": {"cells": [3]}}, id="a number for a cell"),
    ],
)
@pytest.mark.parametrize("route", WITH_PATH)
@pytest.mark.usefixtures("untouched")
def test_post__wrong_types__is_a_bad_request(
    jupyter_server: Server, route: str, change: JSON
) -> None:
    """Shapes are checked before anything is done."""
    answer = jupyter_server.request("POST", route, BODY | change)

    assert answer.status == 400
    assert answer.json["error"]["type"] == "BadRequest"


@pytest.mark.parametrize(
    "content",
    [
        {"nbformat": "4", "cells": []},
        {"nbformat": 4, "cells": [{"cell_type": "code"}]},
        {"nbformat": 4, "cells": [{"cell_type": 3, "source": "x"}]},
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": {}}]},
        {"nbformat": 4, "metadata": [], "cells": [{"cell_type": "code", "source": "x", "id": []}]},
        {"nbformat": 4, "cells": [{"cell_type": "code", "source": "x", "metadata": {"tags": 3}}]},
        {"nbformat": 3, "cells": [], "worksheets": 3},
    ],
)
@pytest.mark.parametrize("route", ["analysis", "compile"])
@pytest.mark.usefixtures("untouched")
def test_post__odd_notebook__is_no_fault_of_the_server(
    jupyter_server: Server, route: str, content: JSON
) -> None:
    """What is wrong inside a notebook is a finding or the notebook's error, never ours."""
    answer = jupyter_server.request(
        "POST", route, {"path": "odd.ipynb", "notebook": content, "save": False}
    )

    assert answer.status in {200, 422}


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_route__read_only_user__may_only_look(
    read_only_server: Server, method: str, route: str
) -> None:
    """An authorizer that denies writing is obeyed; an analysis and a proposal change nothing."""
    before = _seen(read_only_server.root, read_only_server.root)

    answer = read_only_server.request(method, route, BODY if method == "POST" else None)

    is_look = method == "GET" or route in {"analysis", "proposal"}
    assert (answer.status != 403) == is_look
    assert is_look or "not authorized" in answer.message
    assert _seen(read_only_server.root, read_only_server.root) == before


@pytest.fixture(scope="module")
def read_only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server whose users may only read."""
    folder = tmp_path_factory.mktemp("read-only")
    (folder / "read_only.py").write_text(
        "from jupyter_server.auth import Authorizer\n"
        "class ReadOnly(Authorizer):\n"
        "    def is_authorized(self, handler, user, action, resource):\n"
        "        return resource == 'kernelpipe' and action == 'read'\n"
    )
    found_in = {"PYTHONPATH": os.pathsep.join([str(server_kit.REPOSITORY), str(folder)])}
    authorizer = "--ServerApp.authorizer_class=read_only.ReadOnly"
    with server_kit.running(folder, authorizer, environment=found_in) as server:
        kit.write(server.root / "a.ipynb", *NOTEBOOK["cells"])
        yield server
