"""What travels inside a step's arguments: our runtime, the step, the user's own modules."""

import ast
import base64
import functools
import hashlib
import importlib.util
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

BUDGET_BYTES: Final = 90_000
"""How long a step's container description may become before we warn."""

BOOTSTRAP: Final = """\
import base64, hashlib, json, sys, zlib
executor_input, step, version, digest, *parts = sys.argv[2:]
if len(parts) == 1:
    artifacts = json.loads(executor_input)["inputs"]["artifacts"]
    scheme, _, path = artifacts["kernelpipe.runtime"]["artifacts"][0]["uri"].rpartition("://")
    if scheme:
        path = path.replace("/", "_") if scheme == "oci" else path
        path = "/%s/%s" % ("gcs" if scheme == "gs" else scheme, path)
    with open(path) as file:
        parts.append(file.read())
if hashlib.sha256("".join(parts[::-1]).encode()).hexdigest() != digest:
    sys.exit("kernelpipe: step '%s' did not arrive as it was compiled" % step)
exec(json.loads(zlib.decompress(base64.b64decode(parts[1])))["start.py"])
"""
"""The program of every step's container. Its arguments: a word that lets ``kfp.local`` run it, the
ExecutorInput, the step's name, the Python version, the digest of both parts, the step's own part,
and our runtime with what the steps share. A step that comes after another has no runtime in its
arguments: it is an artifact of the other step, so that a workflow does not hold it once per step.
Nor does it hold the rest of this program, which is in the runtime."""

_START: Final = """\
import os, tempfile
here = "%d.%d" % sys.version_info[:2]
if here != version and os.environ.get("KERNELPIPE_VERSIONS") != "image":
    sys.exit("kernelpipe: step '%s' was compiled with Python %s, the image has Python %s; give the "
             "step an image with Python %s, or compile with Python %s. The tag "
             "env:KERNELPIPE_VERSIONS:image runs it with what the image has, with results that may "
             "differ" % (step, version, here, version, here))
root = tempfile.mkdtemp(prefix="kernelpipe-")
with open(os.path.join(root, "runtime.txt"), "w") as file:
    file.write(parts[1])
for part in parts:
    for name, text in json.loads(zlib.decompress(base64.b64decode(part))).items():
        path = os.path.join(root, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(text[0]) if isinstance(text, list) else text.encode())
sys.path.insert(0, os.path.join(root, "runtime"))
from kernelpipe_runtime import pod
sys.exit(pod.main(root, executor_input))
"""
"""What `BOOTSTRAP` goes on with; it has that one's names."""

RUNTIME_INPUT: Final = "kernelpipe.runtime"
RUNTIME_OUTPUT: Final = "run-runtime"

_LOCAL_ONLY: Final = ("touched", "checkpoints")
"""What the names of our runtime's modules begin with that only runs on this machine need."""

_REPLACED: Final = "python3"
"""``kfp.local`` puts a path in place of this text wherever it stands."""


def pack(files: Mapping[str, bytes]) -> str:
    """Return files (path with slashes -> content) as one argument: compressed, in base64."""
    content: dict[str, str | list[str]] = {}
    for path in sorted(files):
        try:
            content[path] = files[path].decode()
        except UnicodeDecodeError:
            content[path] = [base64.b64encode(files[path]).decode()]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    while _REPLACED in (part := base64.b64encode(zlib.compress(text.encode(), 9)).decode()):
        text += " "
    return part


def unpack(part: str) -> dict[str, bytes]:
    """Return the files of a `pack`ed argument."""
    content = json.loads(zlib.decompress(base64.b64decode(part)))
    return {
        path: base64.b64decode(text[0]) if isinstance(text, list) else text.encode()
        for path, text in content.items()
    }


def digest(own: str, runtime: str) -> str:
    """Return the SHA-256 of a step's parts, as the container checks it: the runtime first."""
    hashed = _hashed(runtime).copy()
    hashed.update(own.encode())
    return hashed.hexdigest()


@functools.lru_cache(maxsize=8)
def _hashed(runtime: str) -> "hashlib._Hash":
    return hashlib.sha256(runtime.encode())


@functools.lru_cache(maxsize=8)
def runtime_part(shared: bytes) -> str:
    """Return our runtime, cloudpickle and ``shared.json`` as one part, the same in every step.

    A change of it makes every step miss the cluster's cache, so ``shared`` is only what would do
    so anyway.
    """
    return pack({**_runtime_files(), "shared.json": shared})


@functools.cache
def _runtime_files() -> Mapping[str, bytes]:
    files: dict[str, bytes] = {"start.py": _START.encode()}
    for package, target in (
        ("kernelpipe.runtime", "kernelpipe_runtime"),
        ("cloudpickle", "cloudpickle"),
    ):
        for path in sorted(_directory(package).glob("*.py")):
            if path.name.startswith(_LOCAL_ONLY):
                continue
            source = path.read_text(encoding="utf-8")
            files[f"runtime/{target}/{path.name}"] = without_docstrings(source).encode()
    return files


def _directory(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


def without_docstrings(source: str) -> str:
    """Return Python ``source`` without comments and docstrings, which a pod has no use for."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            kept = [each for each in node.body if not _is_text(each)]
            node.body = kept or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return ast.unparse(tree) + "\n"


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
