"""What travels inside a step's arguments: our runtime, the step, the user's own modules."""

import base64
import functools
import hashlib
import json
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kernelpipe import user_cache
from kernelpipe.backends.kfp.runtime_files import runtime_files, runtime_sources
from kernelpipe.model.names import StepName

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
    try:
        with open(path) as file:
            parts.append(file.read())
    except OSError as error:
        sys.exit("kernelpipe: step '%s' cannot read its runtime: %s; if the step that left it was "
                 "cached, run once without caching" % (step, error))
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
try:
    root = tempfile.mkdtemp(prefix="kernelpipe-")
    with open(os.path.join(root, "runtime.txt"), "w") as file:
        file.write(parts[1])
    for part in parts:
        for name, text in json.loads(zlib.decompress(base64.b64decode(part))).items():
            path = os.path.join(root, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(base64.b64decode(text[0]) if isinstance(text, list) else text.encode())
except OSError as error:
    sys.exit("kernelpipe: step '%s' has no room for its files: %s; it needs a directory for "
             "temporary files that can be written to, as /tmp, or one named by the tag "
             "env:TMPDIR:DIRECTORY" % (step, error))
sys.path.insert(0, os.path.join(root, "runtime"))
from kernelpipe_runtime import pod
sys.exit(pod.main(root, executor_input))
"""
"""What `BOOTSTRAP` goes on with; it has that one's names."""

KFP_LOCAL_WORD: Final = "kfp.dsl.executor_main"
"""``kfp.local.SubprocessRunner`` runs no container without this text in an argument."""
RUNTIME_INPUT: Final = "kernelpipe.runtime"
RUNTIME_OUTPUT: Final = "run-runtime"
RUNTIME_STEP: Final = StepName("")
"""Stands in for a step's name where a task only hands on the runtime: no step has it."""

_LEVEL: Final = 9
_REPLACED: Final = "python3"
"""``kfp.local`` puts a path in place of this text wherever it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The beginning of a part that `pack` goes on with.

    ``stream`` is its zlib stream so far, ``checksum`` the Adler-32 of what that holds.
    """

    stream: bytes
    checksum: int


def begin(files: Mapping[str, bytes]) -> Begun:
    """Return the beginning of a part: its first files, at least one."""
    text = _members(files).encode()
    compressor = zlib.compressobj(_LEVEL)
    stream = compressor.compress(b"{" + text) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Begun(stream=stream, checksum=zlib.adler32(b"{" + text))


def pack(files: Mapping[str, bytes], begun: Begun | None = None) -> str:
    """Return files (path with slashes -> content) as one argument: compressed, in base64.

    Args:
        files: Those that come after what has ``begun``.
        begun: The files before; None is for none.
    """
    text = f"{'{' if begun is None else ','}{_members(files)}}}"
    while _REPLACED in (part := base64.b64encode(_compressed(text.encode(), begun)).decode()):
        text += " "
    return part


def _members(files: Mapping[str, bytes]) -> str:
    """Return files as the members of a JSON object."""
    content: dict[str, str | list[str]] = {}
    for path in sorted(files):
        try:
            content[path] = files[path].decode()
        except UnicodeDecodeError:
            content[path] = [base64.b64encode(files[path]).decode()]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _compressed(text: bytes, begun: Begun | None) -> bytes:
    if begun is None:
        return zlib.compress(text, _LEVEL)
    compressor = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)  # no header: it has begun
    stream = begun.stream + compressor.compress(text) + compressor.flush()
    return stream + zlib.adler32(text, begun.checksum).to_bytes(4, "big")


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
    return pack({"shared.json": shared}, _begun_runtime())


@functools.cache
def _begun_runtime() -> Begun:
    """Return our runtime, packed; it is kept, because leaving out its docstrings takes 0.1 s."""
    sources = runtime_sources()
    said = repr((sys.version, zlib.ZLIB_RUNTIME_VERSION, _START, _LEVEL, sorted(sources.items())))
    facts = hashlib.sha256(said.encode()).hexdigest()
    name = f"runtime-{zlib.crc32(sys.prefix.encode()):08x}"
    kept = user_cache.recall(name)
    try:
        if kept is not None and kept["facts"] == facts:
            return Begun(stream=base64.b64decode(kept["stream"]), checksum=int(kept["checksum"]))
    except (KeyError, TypeError, ValueError):
        pass  # damaged
    begun = begin({"start.py": _START.encode(), **runtime_files(sources)})
    stream = base64.b64encode(begun.stream).decode()
    user_cache.keep(name, {"facts": facts, "stream": stream, "checksum": begun.checksum})
    return begun
