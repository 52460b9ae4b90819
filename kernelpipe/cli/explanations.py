"""Show people why one step comes after another."""

from typing import TextIO

from kernelpipe.cli.diagnostics import DiagnosticPrinter
from kernelpipe.model.explanation import Explanation


def print_explanation(explanation: Explanation, stream: TextIO) -> None:
    """Write whether and why the second step comes after the first, with the lines."""
    first, second = explanation.first, explanation.second
    if not explanation.links:
        stream.write(
            f"step '{second}' does not wait for step '{first}', nor the other way round: "
            "no value, hidden state, file, metric or tag leads from one to the other\n"
        )
        return
    if explanation.is_reversed:
        stream.write(f"step '{second}' does not come after step '{first}', but before it\n")
    excerpts = DiagnosticPrinter(stream)
    for link in explanation.links:
        stream.write(f"step '{link.consumer}' comes after step '{link.producer}':\n")
        for reason in link.reasons:
            stream.write(f"  {reason.kind.value}: {reason.text}\n")
            for place, text in reason.places:
                stream.write(f"    {place.inside}: {text}\n")
                stream.writelines(f"    {line}\n" for line in excerpts.excerpt(place))
    direct = {link.producer for link in explanation.links}
    others = [name for name in explanation.between if name not in direct]
    if others:
        stream.write(f"there are other ways, too, by {', '.join(others)}\n")
