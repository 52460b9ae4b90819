"""Runs one step of every case in a process of its own: ``python hop_program.py CASES STEP DIR``."""

import json
import sys
from pathlib import Path
from typing import Any

from kernelpipe.runtime.links import Links
from kernelpipe.runtime.values import dump_group, load_group


def run_step(case: dict[str, Any], step: str, directory: Path) -> object:
    """Run a step of a case as a step notebook would, and return what its ``show`` gives."""
    facts = case["steps"][step]
    namespace: dict[str, Any] = {"__name__": "__main__"}
    setup = facts.get("setup", case.get("setup", ""))
    exec(setup, namespace)  # noqa: S102 - as a cell
    links = Links(namespace)
    links.register(facts.get("shared", case.get("shared", {})))
    for source, names in facts.get("inputs", {}).items():
        load_group(directory / f"{case['id']}-{source}", names, namespace, links=links)
    exec(facts.get("source", ""), namespace)  # noqa: S102 - as a cell
    if "outputs" in facts:
        path = directory / f"{case['id']}-{step}"
        dump_group(facts["outputs"], namespace, path, links=links)
    return eval(facts.get("show", "None"), namespace)  # noqa: S307 - as a cell


def main() -> None:
    """Write the results of all cases that have the step to ``results-STEP.json``."""
    cases, step, directory = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    results: dict[str, object] = {}
    for case in json.loads(cases.read_text()):
        if step not in case["steps"]:
            continue
        try:
            results[case["id"]] = run_step(case, step, directory)
        except Exception as error:  # noqa: BLE001 - a result like any
            results[case["id"]] = f"{type(error).__name__}: {error}"
    (directory / f"results-{step}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
