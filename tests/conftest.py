"""Options and profiles that all tests share."""

from collections.abc import Iterator

import hypothesis
import pytest
import server_kit
from pipeline_in_process import ShellServer

hypothesis.settings.register_profile(
    "kernelpipe", deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("kernelpipe")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what commands remember away from the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_tracking() -> Iterator[None]:
    """Log no run to MLflow; the tests of that switch it on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNELPIPE_MLFLOW", "off")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``: write expected files instead of comparing with them."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the expected files under tests/golden/expected instead of comparing with them",
    )


@pytest.fixture
def is_updating_golden(request: pytest.FixtureRequest) -> bool:
    """Tell whether expected files are to be written."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server_kit.Server]:
    """Run one Jupyter Server with the extension for all tests; each uses a folder of its own."""
    with server_kit.running(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def shell_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShellServer]:
    """Run one warm process whose forks are as fresh kernels."""
    with ShellServer(tmp_path_factory.mktemp("shells")) as server:
        yield server
