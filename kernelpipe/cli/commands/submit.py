"""``kernelpipe submit``: run a notebook on a Kubeflow cluster."""

import sys
from argparse import Namespace

from kernelpipe import api
from kernelpipe.backends.local.reporting import PlainReporter
from kernelpipe.cli.arguments import ArgumentParser, add_home
from kernelpipe.cli.cluster_arguments import add_cluster, given_cluster
from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.cli.merging import add_merge, describe_merged
from kernelpipe.cli.run_arguments import add_parameters, given_parameters
from kernelpipe.cli.running import describe_as_json, report_run
from kernelpipe.model.run import Run


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    add_parameters(parser)
    add_merge(parser)
    parser.add_argument("--name", metavar="NAME", help="what the run is called on the cluster")
    parser.add_argument(
        "--wait", action="store_true", help="show how the run goes and wait for its end"
    )
    add_home(parser, place="beside the notebook")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    add_cluster(parser)


def execute(arguments: Namespace) -> int:
    """Submit it; with --wait the exit code says how it went."""
    pipeline = api.graph(arguments.notebook, include_tests=False)
    parameters = {} if pipeline.errors() else given_parameters(arguments, pipeline)
    submitted = api.submit(
        pipeline,
        parameters,
        on_diagnostic=DiagnosticPrinter(sys.stderr).print_one,
        cluster=given_cluster(arguments),
        name=arguments.name,
        home=arguments.home,
        merge=arguments.merge,
    )
    if not arguments.wait:
        print(describe_as_json(submitted) if arguments.json else _describe(submitted))
        return 0
    print(_describe(submitted), file=sys.stderr)
    store = api.find_runs(arguments.notebook, home=arguments.home)
    reporter = PlainReporter(sys.stderr)  # no bar: a cluster does not tell of cells
    return report_run(
        lambda _: api.follow_run(store, submitted, reporter=reporter), as_json=arguments.json
    )


def _describe(run: Run) -> str:
    cluster = run.cluster or {}
    lines = [f"run {run.id} was submitted to {cluster.get('host') or 'the cluster'}"]
    lines[0] += f" as {cluster.get('run_id')}"
    if cluster.get("page"):
        lines.append(f"page: {cluster['page']}")
    if cluster.get("merged"):
        lines.append(describe_merged(cluster["merged"], len(run.steps)))
    return "\n".join(lines)
