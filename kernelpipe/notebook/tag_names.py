"""The names of kernelpipe's tags, Kale's and papermill's spellings included."""

from collections.abc import Mapping
from typing import Final

from kernelpipe.model.notebook import CellRole
from kernelpipe.notebook.settings_tags import SETTING_NAMES

ROLE_TAGS: Final[Mapping[str, CellRole]] = {
    "imports": CellRole.IMPORTS,
    "functions": CellRole.FUNCTIONS,
    "parameters": CellRole.PARAMETERS,
    "pipeline-parameters": CellRole.PARAMETERS,
    "metrics": CellRole.METRICS,
    "pipeline-metrics": CellRole.METRICS,
    "test": CellRole.TEST,
    "skip": CellRole.SKIP,
}
STEP_NAMES: Final = frozenset({"step", "block"})
ORDER_NAMES: Final = frozenset({"prev", "after"})
EXIT_TAG: Final = "on-exit"

PREFIXES: Final = frozenset({*STEP_NAMES, *ORDER_NAMES, *SETTING_NAMES, "notebook"})
"""What stands before a colon."""
PLAIN_TAGS: Final = frozenset({*ROLE_TAGS, EXIT_TAG})
"""Tags that stand alone."""
