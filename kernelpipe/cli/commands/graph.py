"""``kernelpipe graph``: the pipeline that a notebook means, for people and for programs."""

import io
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from kernelpipe.cli import answers
from kernelpipe.cli.arguments import ArgumentParser, one_of
from kernelpipe.errors import CompileError

if TYPE_CHECKING:  # an answer that is remembered needs none of it
    from kernelpipe.model.pipeline import Pipeline


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument(
        "--format",
        type=one_of("text", "json", "mermaid", "dot"),
        default="text",
        metavar="text|json|mermaid|dot",
        help="how to draw it (default: text)",
    )
    parser.add_argument("--json", action="store_true", help="the same as --format json")


def execute(arguments: Namespace) -> int:
    """Print the graph; findings go to stderr, and into the JSON."""
    form = "json" if arguments.json else arguments.format
    answer = answers.recall(arguments.notebook, form)
    if answer is None:
        answer = _answer(arguments.notebook, form)
        answers.remember(arguments.notebook, form, answer)
    print(answer.stdout)
    sys.stdout.flush()
    print(answer.stderr, end="", file=sys.stderr)
    return answer.exit_code


def _answer(path: str, form: str) -> answers.Answer:
    from kernelpipe import api  # noqa: PLC0415  # loads the analysis
    from kernelpipe.cli.diagnostics import DiagnosticPrinter  # noqa: PLC0415  # likewise

    pipeline = api.graph(path)
    findings = io.StringIO()
    DiagnosticPrinter(findings).print_all(pipeline.diagnostics)
    return answers.Answer(
        stdout=_draw(pipeline, form),
        stderr=findings.getvalue(),
        exit_code=CompileError.exit_code if pipeline.errors() else 0,
    )


def _draw(pipeline: "Pipeline", form: str) -> str:
    from kernelpipe import api  # noqa: PLC0415  # loads the analysis

    if form == "json":
        return api.to_json(api.graph_document(pipeline))
    if form == "text":
        from kernelpipe.cli.drawing import draw_text  # noqa: PLC0415  # one of three

        return draw_text(pipeline, encoding=getattr(sys.stdout, "encoding", None) or "utf-8")
    from kernelpipe.cli import diagrams  # noqa: PLC0415  # likewise

    draw = diagrams.draw_mermaid if form == "mermaid" else diagrams.draw_dot
    return draw(pipeline)
