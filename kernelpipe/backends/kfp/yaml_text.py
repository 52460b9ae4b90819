"""Write plain data as YAML that every YAML reader takes for the same."""

import re
from collections.abc import Sequence
from typing import Any, Final

from kernelpipe.backends.kfp.spec import Json

_PLAIN: Final = re.compile(r"[A-Za-z_][\w./=-]*")


def to_yaml(documents: Sequence[Json]) -> str:
    """Return documents as YAML text with sorted keys.

    Text that another YAML version could read as a number is quoted, longer text is a block.
    """
    import yaml

    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def represent_text(dumper: Any, text: str) -> Any:
        style = None if _PLAIN.fullmatch(text) else "|" if "\n" in text else "'"
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    return str(
        yaml.dump_all(
            documents,
            Dumper=Dumper,
            sort_keys=True,
            default_flow_style=False,
            allow_unicode=True,
            width=2**20,
        )
    )
