"""Write this many bytes to a file and read them back: BYTES FILE; print the seconds."""

import sys
import time
from pathlib import Path

content = b"kernelpi" * (int(sys.argv[1]) // 8)
path = Path(sys.argv[2])
started = time.perf_counter()
with path.open("wb", buffering=0) as file:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]
buffer = bytearray(len(content))
with path.open("rb", buffering=0) as file:
    left = memoryview(buffer)
    while left:
        left = left[file.readinto(left) :]
sys.stdout.write(str(time.perf_counter() - started))
path.unlink()
