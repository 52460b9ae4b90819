"""The file that holds the values of one group: a checked header and aligned payload segments.

Layout: ``MAGIC`` padded to ``PAYLOAD_START`` bytes; the payload, whose segments begin at multiples
of ``ALIGNMENT`` or ``PAGE`` in the file; the header (JSON); the header's length (8 bytes,
little-endian); the header's SHA-256; ``MAGIC`` again. The header stands last because only then is
everything known that it says. Its ``sha256`` is the SHA-256 over the SHA-256 digests of the
payload's chunks of ``CHUNK`` bytes each, so that several threads can compute it.
"""

import hashlib
import json
import mmap
import os
import struct
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"\x89KPV\r\n\x1a\n"
VERSION = 1
ALIGNMENT = 64
PAGE = 4096
CHUNK = 1 << 23
"""Bytes of the payload that are hashed as one piece."""
PAYLOAD_START = 64
_TRAILER = struct.Struct("<Q32s8s")


class ValueFileError(Exception):
    """A value file cannot be read: damaged, cut off, or not one of ours.

    Attributes:
        path: The file.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_error, (type(self), self.args, self.path))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback through our own code."""
        return [f"{type(self).__name__}: {self}"]


def _rebuild_error(
    kind: type[ValueFileError], args: tuple[object, ...], path: str
) -> ValueFileError:
    error = kind.__new__(kind)
    error.args = args
    error.path = path
    return error


class PayloadWriter:
    """Writes the payload of a container, hashing it as it goes.

    It has the file methods that pyarrow needs to write to it (``write``, ``tell``, ``flush``,
    ``close``, ``closed``); ``tell`` counts from the start of the current segment.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digests: list[bytes] = []
        self._hash = hashlib.sha256()
        self._in_chunk = 0
        self._start = 0
        self.size = 0
        self.segments: list[tuple[int, int]] = []
        self.closed = False

    @contextmanager
    def segment(self, *, is_big: bool) -> Iterator[None]:
        """Align to a page or less, and record what is written meanwhile as one segment."""
        alignment = PAGE if is_big else ALIGNMENT
        self.write(bytes(-(PAYLOAD_START + self.size) % alignment))
        self._start = self.size
        yield
        self.segments.append((self._start, self.size - self._start))

    def write(self, content: object) -> int:
        """Append bytes or anything that has a contiguous buffer; return how many bytes."""
        view = memoryview(content).cast("B")  # type: ignore[arg-type]
        if len(view) >= 2 * CHUNK:
            self._write_hashing_beside(view)
        else:
            self._file.write(view)
            self._update(view)
        self.size += len(view)
        return len(view)

    def _write_hashing_beside(self, view: memoryview) -> None:
        """Hash in other threads while this one writes."""
        head = (CHUNK - self._in_chunk) % CHUNK
        self._update(view[:head])
        tail = head + (len(view) - head) // CHUNK * CHUNK
        with futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            digests = pool.map(_digest, _chunks(view[head:tail]))
            for chunk in _chunks(view):
                self._file.write(chunk)
            self._digests.extend(digests)
        self._update(view[tail:])

    def _update(self, view: memoryview) -> None:
        while len(view):
            piece = view[: CHUNK - self._in_chunk]
            self._hash.update(piece)
            self._in_chunk += len(piece)
            if self._in_chunk == CHUNK:
                self._end_chunk()
            view = view[len(piece) :]

    def _end_chunk(self) -> None:
        self._digests.append(self._hash.digest())
        self._hash = hashlib.sha256()
        self._in_chunk = 0

    def digest(self) -> str:
        """Return the checksum of the whole payload; nothing may be written after it."""
        if self._in_chunk:
            self._end_chunk()
        return hashlib.sha256(b"".join(self._digests)).hexdigest()

    def tell(self) -> int:
        """Return how many bytes the current segment has."""
        return self.size - self._start

    def flush(self) -> None:
        """Do nothing: the file becomes visible as a whole."""

    def close(self) -> None:
        """Do nothing: the container closes the file."""


def _chunks(view: memoryview) -> list[memoryview]:
    return [view[at : at + CHUNK] for at in range(0, len(view), CHUNK)]


def _digest(view: memoryview) -> bytes:
    return hashlib.sha256(view).digest()


def _payload_digest(view: memoryview) -> str:
    chunks = _chunks(view)
    if len(chunks) <= 1:
        digests = [_digest(chunk) for chunk in chunks]
    else:
        with futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            digests = list(pool.map(_digest, chunks))
    return hashlib.sha256(b"".join(digests)).hexdigest()


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that replaces it when the block ends well."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101 (a Path would say no more)
        os.replace(temporary, target)  # noqa: PTH105 (likewise)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 (likewise)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def writing(path: str | os.PathLike[str], header: dict[str, object]) -> Iterator[PayloadWriter]:
    """Write a value file atomically.

    Args:
        path: The file; it appears only when the block ends without an exception.
        header: JSON facts about the payload. When the block ends it is completed in place with
            ``version``, ``python``, ``segments`` ([offset, length] from the payload's start),
            ``bytes`` (size of the payload) and ``sha256``.
    """
    with atomic_file(path) as file:
        file.write(MAGIC.ljust(PAYLOAD_START, b"\0"))
        writer = PayloadWriter(file)
        yield writer
        header.update(
            version=VERSION,
            python=".".join(map(str, sys.version_info[:3])),
            segments=writer.segments,
            bytes=writer.size,
            sha256=writer.digest(),
        )
        text = json.dumps(header).encode()
        file.write(text + _TRAILER.pack(len(text), _digest(memoryview(text)), MAGIC))


@dataclass(frozen=True, slots=True)
class Container:
    """An opened value file.

    ``source`` is a private, writable map of the file: writing to it changes this process's pages
    only, never the file.
    """

    path: str
    header: Mapping[str, Any]
    source: mmap.mmap

    def segment(self, index: int) -> memoryview:
        """Return the bytes of a segment, writable, without copying them."""
        start, length = self.header["segments"][index]
        start += PAYLOAD_START
        return memoryview(self.source)[start : start + length]

    def seek(self, index: int) -> mmap.mmap:
        """Return the map as a file that stands at the start of a segment."""
        self.source.seek(PAYLOAD_START + self.header["segments"][index][0])
        return self.source


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the header of a value file without looking at its payload.

    Raises:
        ValueFileError: If it is not a value file, or damaged.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        return _parse_header(file, str(path))


def header_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a value file's header in hex, which stands for the whole content.

    Raises:
        ValueFileError: If it is not a value file, or damaged.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        _parse_header(file, str(path))
        file.seek(-_TRAILER.size, os.SEEK_END)
        digest: bytes = _TRAILER.unpack(file.read())[1]
    return digest.hex()


def _parse_header(file: BinaryIO, path: str) -> dict[str, Any]:
    size = os.fstat(file.fileno()).st_size
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueFileError("is not a kernelpipe value file", path=path)
    end = size - _TRAILER.size
    if end < PAYLOAD_START:
        raise ValueFileError("is cut off", path=path)
    file.seek(end)
    length, digest, magic = _TRAILER.unpack(file.read(_TRAILER.size))
    if magic != MAGIC or length > end - PAYLOAD_START:
        raise ValueFileError("is cut off", path=path)
    file.seek(end - length)
    text = file.read(length)
    if _digest(memoryview(text)) != digest:
        raise ValueFileError("is damaged: its header does not fit its checksum", path=path)
    header: dict[str, Any] = json.loads(text)
    if header["version"] != VERSION:
        raise ValueFileError(
            f"has format version {header['version']}, but only {VERSION} can be read", path=path
        )
    return header


def open_container(path: str | os.PathLike[str]) -> Container:
    """Map a value file and verify its checksum.

    Raises:
        ValueFileError: If it is not a value file, or damaged.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        header = _parse_header(file, str(path))
        source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    end = PAYLOAD_START + header["bytes"]
    with memoryview(source) as whole, whole[PAYLOAD_START:end] as payload:
        digest = _payload_digest(payload)
    if digest != header["sha256"]:
        raise ValueFileError("is damaged: its content does not fit its checksum", path=str(path))
    return Container(str(path), header, source)
