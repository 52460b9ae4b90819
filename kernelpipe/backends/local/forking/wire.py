"""Messages between a command and its forked steps: lists of bytes over packet sockets."""

import itertools
import os
import socket
import struct
from collections.abc import Iterator, Sequence

_HEAD = struct.Struct("<IIB")
_LENGTH = struct.Struct("<Q")
_CHUNK_BYTES = 1 << 16
PACKET_BYTES = _HEAD.size + _CHUNK_BYTES

_numbers = itertools.count()


def send_parts(end: socket.socket, parts: Sequence[bytes]) -> None:
    """Send one message; several threads and processes may share ``end``.

    Each packet names its process and message, so messages that are sent at the same time do not
    mix, and what a killed process had only begun to send is never taken for a message.

    Raises:
        OSError: If nobody is at the other end.
    """
    for packet in _packets(os.getpid(), next(_numbers) & 0xFFFFFFFF, parts):
        end.send(packet)


def _packets(pid: int, number: int, parts: Sequence[bytes]) -> Iterator[bytes]:
    message = memoryview(
        b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))
    )
    last = max(0, (len(message) - 1) // _CHUNK_BYTES)
    for index in range(last + 1):
        chunk = message[index * _CHUNK_BYTES : (index + 1) * _CHUNK_BYTES]
        yield _HEAD.pack(pid, number, index == last) + chunk


class Assembler:
    """Puts the packets of messages together."""

    def __init__(self) -> None:
        self._begun: dict[tuple[int, int], list[bytes]] = {}

    def add(self, packet: bytes) -> list[bytes] | None:
        """Return the parts of the message that ``packet`` completes, None if it completes none."""
        pid, number, is_last = _HEAD.unpack_from(packet)
        chunks = self._begun.pop((pid, number), [])
        chunks.append(packet[_HEAD.size :])
        if not is_last:
            self._begun[pid, number] = chunks
            return None
        return list(_parts(b"".join(chunks)))


def _parts(message: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(message):
        (length,) = _LENGTH.unpack_from(message, position)
        position += _LENGTH.size
        yield message[position : position + length]
        position += length
