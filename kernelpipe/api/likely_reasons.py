"""Why a pipeline probably gave something else than its notebook."""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from kernelpipe.model.names import StepName
from kernelpipe.model.pipeline import Pipeline
from kernelpipe.model.run import Run, StepFacts, StepRun, parts_of
from kernelpipe.model.verification import Reason

_CLOCK: Final = re.compile(
    r"\b(?:time\.(?:time|perf_counter|monotonic|process_time|ctime|strftime|localtime)(?:_ns)?"
    r"|(?<![\w.])time\(\)"
    r"|perf_counter|datetime\.(?:now|today|utcnow)|date\.today|Timestamp\.(?:now|today)|timeit)\b"
)
_ENTROPY: Final = re.compile(
    r"\b(?:uuid\.?uuid[14]|uuid[14]|os\.urandom|secrets\.\w+|SystemRandom|os\.getpid|tempfile\.\w+"
    r"|default_rng\(\)|RandomState\(\)|random\.Random\(\)|random\.seed\(\)|id\(|hash\()"
)
_RANDOM: Final = re.compile(
    r"\b(?:random\.\w+|(?:np|numpy)\.random\.\w+|torch\.rand\w*|\w+\.sample\(|shuffle\(|choice\("
    r"|train_test_split\(|KFold\([^)]*shuffle)"
)
_MODEL: Final = re.compile(
    r"\b(?:PCA|TruncatedSVD|NMF|(?:MiniBatch)?KMeans|TSNE|GaussianMixture|IsolationForest"
    r"|(?:RandomForest|ExtraTrees|GradientBoosting|HistGradientBoosting|MLP|SGD|DecisionTree)"
    r"(?:Classifier|Regressor))\((?!(?:[^()]|\([^()]*\))*random_state)"
)
_SEED: Final = re.compile(
    r"\b(?:random\.seed|manual_seed|set_seed|random_state|default_rng)\s*[(=]"
)
_SEED_OF_ALL: Final = re.compile(r"\b(?:np|numpy)\.random\.seed\(|\bset_seed\(")
_THREADS: Final = re.compile(
    r"\b(?:threading|concurrent\.futures|multiprocessing|n_jobs|asyncio)\b"
)
_LINE_OF_SHELL: Final = re.compile(r"(?m)^([ \t]*)[%!?].*$")
_TIMED: Final = re.compile(r"(?m)^\s*%%?(?:time|timeit|prun)\b")


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """Finds reasons for one comparison.

    ``states`` is step -> hidden state that was not the same at the step's end ("@random");
    ``sources`` is cell index -> source.
    """

    pipeline: Pipeline
    run: Run
    sources: Mapping[int, str]
    states: Mapping[StepName, frozenset[str]] = field(default_factory=dict)

    def timed_cells(self) -> frozenset[int]:
        """Return the cells that may show how long something took.

        They look at a clock, or use what was made by a statement that does.
        """
        found = set()
        names: set[str] = set()
        for index, source in sorted(self.sources.items()):
            if _TIMED.search(source):
                found.add(index)
            for statement in _statements(source):
                used = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}
                if not names & used and not _CLOCK.search(ast.unparse(statement)):
                    continue
                found.add(index)
                names.update(_bound(statement))
        return frozenset(found)

    def likely(self, step: StepName | None, cell: int | None) -> tuple[Reason, str]:
        """Return why what a cell of a step gave probably differs, and that in a sentence."""
        before = self._before(step)
        for each in (step, *before):
            states = self.states.get(each) if each is not None else None
            if states:
                shown = ", ".join(sorted(states))
                text = f"at the end of step '{each}' hidden state is not the same: {shown}"
                return Reason.HIDDEN_STATE, text
        tie = self._file_tie(step)
        if tie is not None:
            return Reason.FILES, tie
        return self._from_code(step, cell, before)

    def _from_code(
        self, step: StepName | None, cell: int | None, before: Iterable[StepName]
    ) -> tuple[Reason, str]:
        own = self._cells(step)
        others = [index for each in before for index in self._cells(each)]
        owned = {index for each in self.pipeline.steps for index in self._cells(each.name)}
        setup = [index for index in self.sources if index not in owned]
        order = sorted({*own, *([] if cell is None else [cell])}, key=lambda i: (i != cell, i))
        is_seeded = any(_SEED.search(source) for source in self.sources.values())
        is_all_seeded = any(_SEED_OF_ALL.search(source) for source in self.sources.values())
        for index in (*order, *others, *setup):
            source = self.sources.get(index, "")
            for pattern, doing in (
                (_CLOCK, "looks at the clock"),
                (_ENTROPY, "gets what differs in each run"),
            ):
                found = pattern.search(source)
                if found:
                    text = f"cell {index} {doing} ({found[0].rstrip('(')})"
                    return Reason.NON_DETERMINISM, f"{text}; --twice tells whether that is why"
            random, threads = _RANDOM.search(source), _THREADS.search(source)
            random = (None if is_seeded else random) or (
                None if is_all_seeded else _MODEL.search(source)
            )
            if random:
                text = f"cell {index} draws random numbers without a seed ({random[0].rstrip('(')})"
                return Reason.NON_DETERMINISM, f"{text}; --twice tells whether that is why"
            if threads:
                text = f"cell {index} works in parallel ({threads[0]})"
                return Reason.NON_DETERMINISM, f"{text}; --twice tells whether that is why"
        return Reason.OURS, "nothing in the notebook explains it: probably a fault of kernelpipe"

    def _cells(self, step: StepName | None) -> list[int]:
        return [
            c.index for s in self.pipeline.steps if s.name == step for c in (*s.cells, *s.tests)
        ]

    def _before(self, step: StepName | None) -> list[StepName]:
        """Return the steps that a step comes after, the nearest first."""
        after = {each.name: each.after for each in self.pipeline.steps}
        found: dict[StepName, None] = {}
        waiting = list(after.get(step, ())) if step is not None else []
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = None
                waiting += after.get(name, ())
        return list(found)

    def _file_tie(self, step: StepName | None) -> str | None:
        """Return that the step read a file that a step wrote which it does not come after."""
        if step is None:
            return None
        facts = {each.name: _touched(parts_of(each)) for each in self.run.steps}
        reads = facts.get(step, (frozenset(), frozenset()))[0]
        before = set(self._before(step))
        for other, (_, writes) in facts.items():
            both = sorted(reads & writes)
            if both and other != step and other not in before:
                name = both[0].rpartition("/")[2]
                return (
                    f"step '{step}' reads {name}, which step '{other}' writes, and no edge orders"
                    " the two"
                )
        return None


def _statements(source: str) -> list[ast.stmt]:
    code = _LINE_OF_SHELL.sub(r"\1pass", source)
    with suppress(SyntaxError):
        return ast.parse(code).body
    return []


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds, but for those inside functions."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {
        each.id
        for each in ast.walk(statement)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _touched(parts: Iterable[StepRun]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the paths that a step, or any of its items, read, and those that it wrote."""
    documents: list[StepFacts] = [json.loads(part.facts) for part in parts]
    reads = {str(path) for each in documents for path, _ in each.get("reads", ())}
    writes = {str(path) for each in documents for path, _ in each.get("writes", ())}
    return frozenset(reads), frozenset(writes)
