"""Tests of the connection to a cluster, with the real KFP client against the stand-in."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kfp_server import KfpServer

from kernelpipe.backends.kfp.cluster import (
    ClusterSettings,
    Connection,
    check_cluster,
    list_schedules,
)
from kernelpipe.backends.kfp.cluster.connecting import connect
from kernelpipe.errors import BackendUnavailableError, ClusterError, UsageError

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own Kubernetes and KFP settings away."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    for name in ("KF_PIPELINES_ENDPOINT", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KfpServer]:
    """Run the stand-in."""
    with KfpServer(tmp_path / "cluster") as running:
        yield running


def connection(server: KfpServer, **settings: object) -> Connection:
    """Return a connection to the stand-in that loses patience after two seconds."""
    return Connection(
        ClusterSettings(host=server.host, **settings),  # type: ignore[arg-type]
        read_timeout_s=2,
    )


def test_connection__healthy_cluster__answers(server: KfpServer) -> None:
    """Nothing is asked before it is needed, and nothing is written to the user's home."""
    calls = connection(server)
    assert server.requests == []

    check_cluster(calls)

    assert server.requests == ["GET /apis/v2beta1/healthz"]
    assert not Path.home().exists()


def test_connection__dropped_once__is_not_repeated_in_silence(server: KfpServer) -> None:
    """Who asks decides whether to ask again: a repeated request may submit twice."""
    calls = connection(server)
    server.behaviour.drops_before = 1

    with pytest.raises(ClusterError, match=f"no answer from {server.host}: ") as caught:
        check_cluster(calls)

    assert caught.value.is_passing
    assert len(server.requests) == 1
    check_cluster(calls)


def test_connection__nobody_listens__says_where_it_looked() -> None:
    """The address is in the message, objects of libraries are not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"

        with pytest.raises(ClusterError) as caught:
            check_cluster(Connection(ClusterSettings(host=host)))

    assert str(caught.value).startswith(f"no answer from {host}: ")
    assert "refused" in str(caught.value)
    assert "object at" not in str(caught.value)
    assert caught.value.is_passing


def test_connection__slow_server__loses_patience(server: KfpServer) -> None:
    """A time limit holds for each request."""
    server.behaviour.delay_s = 30
    began = time.monotonic()

    with pytest.raises(ClusterError, match="no answer from") as caught:
        check_cluster(connection(server))

    assert caught.value.is_passing
    assert time.monotonic() - began < 15


def test_connection__server_error__passes(server: KfpServer) -> None:
    """A cluster that restarts answers 503 for a while."""
    server.behaviour.failures = 1

    with pytest.raises(ClusterError, match="answers 503: upstream connect error") as caught:
        check_cluster(connection(server))

    assert (caught.value.status, caught.value.is_passing) == (503, True)


def test_connection__expired_token_file__is_read_again(server: KfpServer, tmp_path: Path) -> None:
    """Kubernetes replaces the token in the file."""
    token = tmp_path / "token"
    token.write_text("one\n", encoding="utf-8")
    server.behaviour.tokens = frozenset({"one"})
    calls = connection(server, token_file=str(token))
    check_cluster(calls)

    server.behaviour.tokens = frozenset({"two"})
    token.write_text("two\n", encoding="utf-8")

    check_cluster(calls)


def test_connection__expired_login__is_made_anew_once(server: KfpServer) -> None:
    """A client whose login has expired is replaced by one that has logged in again."""
    made: list[str] = []

    def log_in(settings: ClusterSettings) -> object:
        made.append("one" if not made else "two")
        token = {"one": "old", "two": "new"}[made[-1]]
        return connect(ClusterSettings(host=settings.host, token=token))

    server.behaviour.tokens = frozenset({"old"})
    calls = Connection(ClusterSettings(host=server.host), make_client=log_in)
    check_cluster(calls)
    server.behaviour.tokens = frozenset({"new"})

    check_cluster(calls)

    assert made == ["one", "two"]
    assert len(server.requests) == 3


def test_connection__refused_login__says_how_to_log_in(server: KfpServer) -> None:
    """After one more try."""
    server.behaviour.tokens = frozenset({"right"})

    with pytest.raises(ClusterError, match="does not accept the login") as caught:
        check_cluster(connection(server, token="wrong"))

    assert not caught.value.is_passing
    assert "KERNELPIPE_KFP_TOKEN" in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert len(server.requests) == 2


def test_connection__login_page_in_front__is_recognised(server: KfpServer) -> None:
    """A Kubeflow with users redirects those who have not logged in."""
    server.behaviour.redirects_to = "/dex/auth"

    with pytest.raises(ClusterError, match="asks to log in first, at /dex/auth") as caught:
        check_cluster(connection(server))

    assert not caught.value.is_passing


def test_connection__missing_token_file__is_the_users_mistake(
    server: KfpServer, tmp_path: Path
) -> None:
    """Nothing is asked of the cluster."""
    with pytest.raises(UsageError, match="settings of the cluster cannot be used"):
        check_cluster(connection(server, token_file=str(tmp_path / "none")))

    assert server.requests == []


def test_connection__several_users__ask_for_a_namespace(server: KfpServer) -> None:
    """Named, it is asked for."""
    server.behaviour.is_multi_user = True

    with pytest.raises(UsageError, match="no namespace is named"):
        check_cluster(connection(server))
    assert list_schedules(connection(server, namespace="team")) == ()


def test_connection__no_host_anywhere__says_how_to_name_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the SDK prints does not reach the output of commands."""
    with pytest.raises(UsageError, match="no Kubeflow cluster is named"):
        check_cluster(Connection(ClusterSettings()))

    assert capsys.readouterr().out == ""


def test_connection__kubeconfig_context__is_used(
    server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API is reached through the proxy of the Kubernetes API server."""
    config = tmp_path / "kubeconfig"
    config.write_text(
        f"""apiVersion: v1
kind: Config
current-context: here
clusters: [{{name: c, cluster: {{server: "{server.host}"}}}}]
users: [{{name: u, user: {{token: abc}}}}]
contexts: [{{name: here, context: {{cluster: c, user: u}}}}]
""",
        encoding="utf-8",
    )
    program = """
from kernelpipe.backends.kfp.cluster import ClusterSettings, Connection, check_cluster
from kernelpipe.errors import ClusterError
try:
    check_cluster(Connection(ClusterSettings(service_namespace="kf")))
except ClusterError as error:
    print(error.status)
"""
    # The kubernetes library reads KUBECONFIG when it is imported.
    monkeypatch.setenv("KUBECONFIG", str(config))

    done = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=True
    )

    assert done.stdout == "404\n"
    assert server.requests == [
        "GET /api/v1/namespaces/kf/services/ml-pipeline:http/proxy/apis/v2beta1/healthz"
    ]


def test_connection__without_kfp__names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK is an extra of ours."""
    monkeypatch.setitem(sys.modules, "kfp", None)

    with pytest.raises(BackendUnavailableError, match=r"kernelpipe\[kfp\]"):
        check_cluster(Connection(ClusterSettings(host="http://localhost")))


def test_connection__something_else_than_the_api__is_recognised(tmp_path: Path) -> None:
    """A web page is no answer."""
    program = (
        "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=0)"
    )
    (tmp_path / "apis" / "v2beta1").mkdir(parents=True)
    (tmp_path / "apis" / "v2beta1" / "healthz").write_text("<html>hello</html>", encoding="utf-8")
    with subprocess.Popen(
        (sys.executable, "-u", "-c", program),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split("port ")[1].split()[0]
        try:
            with pytest.raises(ClusterError, match="something else than the KFP API"):
                check_cluster(Connection(ClusterSettings(host=f"http://127.0.0.1:{port}")))
        finally:
            process.terminate()


def test_import__cluster__loads_no_kfp() -> None:
    """Commands that talk to no cluster do not wait for the SDK."""
    program = (
        "import sys, kernelpipe.backends.kfp.cluster; "
        "print(sorted({'kfp', 'kfp_server_api', 'urllib3', 'google', 'yaml'} & sys.modules.keys()))"
    )

    done = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("scheme", ["https://", ""])
def test_connection__plain_http_asked_for_tls__says_what_to_write(
    server: KfpServer, scheme: str
) -> None:
    """An address without a scheme is taken for https, as the SDK does."""
    host = server.host.replace("http://", scheme)

    with pytest.raises(ClusterError) as caught:
        check_cluster(Connection(ClusterSettings(host=host)))

    assert str(caught.value).startswith(f"no safe connection to {host}: ")
    assert "an address that speaks plain HTTP begins with http://" in str(caught.value)
    assert not caught.value.is_passing


def test_connection__moved_to_https__is_no_login_page(server: KfpServer) -> None:
    """An ingress redirects those who came without TLS."""
    server.behaviour.redirects_to = server.host.replace("http://", "https://") + "/apis"

    with pytest.raises(ClusterError, match="has moved to https://") as caught:
        check_cluster(connection(server))

    assert "name it with https://" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ClusterSettings(host="http://localhost:8080/"), "http://localhost:8080/#/runs/details/r1"),
        (
            ClusterSettings(host="example.com/pipeline"),
            "https://example.com/pipeline/#/runs/details/r1",
        ),
        (
            ClusterSettings(host="http://localhost", ui_host="https://example.org"),
            "https://example.org/#/runs/details/r1",
        ),
        (ClusterSettings(), ""),
    ],
)
def test_connection__page__is_an_address_for_people(
    settings: ClusterSettings, expected: str
) -> None:
    """Where the UI is elsewhere, there."""
    assert Connection(settings).page("runs/details/r1") == expected


def test_connection__cookies__are_sent(server: KfpServer) -> None:
    """How people log in to a Kubeflow with Dex."""
    server.behaviour.cookie = "authservice_session=abc"

    check_cluster(connection(server, cookies="authservice_session=abc"))
    with pytest.raises(ClusterError, match="does not accept the login"):
        check_cluster(connection(server))
