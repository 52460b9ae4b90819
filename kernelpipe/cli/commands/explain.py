"""``kernelpipe explain``: why one step comes after another, and what a code means."""

import re
import sys
from argparse import Namespace

from kernelpipe.api import explaining
from kernelpipe.api.documents import to_json
from kernelpipe.cli.arguments import ArgumentParser
from kernelpipe.cli.explanations import print_explanation
from kernelpipe.errors import UsageError

_CODE = re.compile(r"(?i)kp\d+")
_WORDS = 3


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="NOTEBOOK A B | CODE",
        help="tell why step B comes after step A, down to the lines; or what findings mean",
    )
    parser.add_argument(
        "--all", action="store_true", help="print the pages on all findings, as Markdown"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: Namespace) -> int:
    """Print the explanation, or the pages."""
    words: list[str] = arguments.words
    if arguments.all and words:
        raise UsageError("--all shows every page", hint="leave the codes out, or --all")
    if arguments.all or (words and all(map(_CODE.fullmatch, words))):
        _print_pages(words, is_json=arguments.json)
    elif len(words) == _WORDS:
        found = explaining.explain(*words)
        if arguments.json:
            print(to_json(explaining.explanation_document(found)))
        else:
            print_explanation(found, sys.stdout)
    else:
        raise UsageError(
            "'explain' takes a notebook and two of its steps, or codes of findings",
            hint="for example: kernelpipe explain churn.ipynb load train, kernelpipe explain KP203",
        )
    return 0


def _print_pages(codes: list[str], *, is_json: bool) -> None:
    found = explaining.rules(codes)
    if is_json:
        print(to_json({"rules": [explaining.rule_document(rule) for rule in found]}))
    elif codes:
        print("\n\n".join(explaining.rule_page(rule)[1:] for rule in found))
    else:
        print(explaining.rules_page(found))
