"""Writes the JSON files of a step while other threads start kernels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write ``content`` so that a reader sees the old file or the new one.

    ``kernelpipe.notebook.write_notebook`` is for the user's files: it waits for the disk and looks
    at the umask, which a kernel that another thread starts at that moment would inherit.

    Raises:
        OSError: If the file cannot be written.
    """
    # Escapes, not UTF-8: outputs may hold halves of characters.
    text = json.dumps(content, indent=1) + "\n"
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="ascii")
    temporary.replace(path)
