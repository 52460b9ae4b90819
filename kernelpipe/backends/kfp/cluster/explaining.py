"""Why a pod failed or waits, in words, with what to change."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.cluster.answers import RemoteStep

NOTHING_SAID: Final = "PodFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """``name`` is one word for the cause; ``text`` says it, and what to do about it."""

    name: str
    text: str


_Explain = Callable[[re.Match[str], RemoteStep], Explanation]


def explain(message: str, step: RemoteStep, *, is_driver: bool = False) -> Explanation:
    """Return what the cluster's message about a step's pod means.

    Args:
        message: What Kubernetes or Argo said, "" if the cluster does not tell.
        step: Whose pod it is.
        is_driver: The message is about the step's driver, the pod that prepares it.
    """
    for pattern, explain_match in _CAUSES:
        found = re.search(pattern, message, re.IGNORECASE)
        if found:
            return explain_match(found, step)
    if is_driver:
        said = f": {_short(message)}" if message else ""
        return Explanation(
            name="DriverFailed",
            text=f"Kubeflow could not prepare the step (its driver failed){said}. Your code was "
            "not started. Look at the log of its driver pod; when it names a database, a bucket "
            "or a time-out, run again.",
        )
    if not message:
        return Explanation(
            name=NOTHING_SAID,
            text="its pod failed, and the cluster does not say why: see its log for an exception "
            "of your code; without one, 'kubectl describe' of the pod tells.",
        )
    return Explanation(name=NOTHING_SAID, text=f"its pod failed: {_short(message)}")


def _evicted(found: re.Match[str], step: RemoteStep) -> Explanation:
    scarce = re.search(r"low on resource:\s*([\w.-]+)", found.string, re.IGNORECASE)
    what = scarce[1].rstrip(".") if scarce else "resources"
    if what == "ephemeral-storage":
        change = "Write less to the pod's disk, or mount a volume."
    elif what == "memory" and not step.memory:
        change = "Say how much it needs, so that it is put on a node that has it: memory:4Gi."
    elif what == "memory":
        change = f"It asks for {step.memory}; ask for what it really uses: {_more_memory(step)}."
    else:
        change = "Run it again: retry:2 does so by itself."
    return Explanation(
        name="Evicted",
        text=f"its pod was evicted: the node ran low on {what}. {change}",
    )


def _image(found: re.Match[str], step: RemoteStep) -> Explanation:
    named = re.search(r"image \"?([^\s\"']+)\"?", found.string)
    image = named[1] if named else step.image
    denied = re.search(r"unauthorized|denied|authentication|403|401", found.string, re.IGNORECASE)
    change = (
        "The cluster needs a pull secret for that registry."
        if denied
        else "Check its name and tag (image:REF), and whether the cluster can reach the registry."
    )
    return Explanation(
        name="ImagePullBackOff",
        text=f"the image {image or 'of the step'} cannot be pulled. {change}",
    )


def _out_of_memory(found: re.Match[str], step: RemoteStep) -> Explanation:
    limit = f" of {step.memory}" if step.memory else ""
    is_sure = "exit code" not in found[0]
    cause = "" if is_sure else "it was killed (exit code 137), most often because "
    end = " and was killed" if is_sure else ""
    return Explanation(
        name="OOMKilled" if is_sure else "Killed",
        text=f"{cause}it needed more memory than its limit{limit}{end}. "
        f"Give it more: {_more_memory(step)}.",
    )


def _deadline(_found: re.Match[str], _step: RemoteStep) -> Explanation:
    return Explanation(
        name="DeadlineExceeded",
        text="it took longer than it may and was stopped. Give it more time: timeout:2h for the "
        "step; the whole run may have a deadline of its own.",
    )


def _stopped(_found: re.Match[str], _step: RemoteStep) -> Explanation:
    return Explanation(name="Terminated", text="it was stopped with the run.")


def _unschedulable(found: re.Match[str], step: RemoteStep) -> Explanation:
    short = re.search(r"insufficient ([\w./-]+\w)", found.string, re.IGNORECASE)
    what = short[1] if short else ""
    if what == "memory":
        change = f"It asks for {step.memory or 'memory'}: ask for less, or add a larger node."
    elif what == "cpu":
        change = f"It asks for {step.cpu or 'cpu'}: ask for less, or add a larger node."
    elif what:
        change = f"Ask for fewer with gpu:N, or add a node with {what}."
    else:
        change = f"The cluster says: {_short(found.string)}"
    lack = f" with enough {what}" if what else ""
    return Explanation(name="Unschedulable", text=f"no node{lack} is free for its pod. {change}")


def _missing_config(found: re.Match[str], _step: RemoteStep) -> Explanation:
    named = re.search(r"(secret|configmap) \"?([\w.-]+)\"? not found", found.string, re.IGNORECASE)
    what = f"the {named[1].lower()} {named[2]}" if named else "a secret or config map"
    return Explanation(
        name="CreateContainerConfigError",
        text=f"{what} that it needs does not exist in the namespace of the run. Create it there, "
        "or correct the tag (secret:NAME:KEY:VARIABLE).",
    )


def _node_lost(_found: re.Match[str], _step: RemoteStep) -> Explanation:
    return Explanation(
        name="PodDeleted",
        text="its pod was deleted, often because its node was drained or taken away. Run it again: "
        "retry:2 does so by itself.",
    )


def _exit_code(found: re.Match[str], _step: RemoteStep) -> Explanation:
    return Explanation(
        name="Error",
        text=f"its program ended with exit code {found[1]}: the exception and the cell are in its "
        "log.",
    )


_CAUSES: Final[tuple[tuple[str, _Explain], ...]] = (
    (r"evicted|low on resource", _evicted),
    (
        r"ImagePull|InvalidImageName|ErrImageNeverPull|manifest unknown|failed to pull",
        _image,
    ),
    (r"OOMKilled|exit code:? 137|out of memory", _out_of_memory),
    (r"shutdown with strategy", _stopped),
    (r"DeadlineExceeded|active on the node longer|exceeded its deadline", _deadline),
    (r"Unschedulable|nodes are available|Insufficient [\w./-]+", _unschedulable),
    (r"CreateContainerConfigError|(secret|configmap) \"?[\w.-]+\"? not found", _missing_config),
    (r"pod deleted|node .*(lost|not ready|shutdown)|preempt", _node_lost),
    (r"exit code:? (\d+)", _exit_code),
)
"""In the order in which they are tried."""


def _more_memory(step: RemoteStep) -> str:
    """Return the tag that asks for twice the memory."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGTPE]i?|Ki)?", step.memory)
    if found is None:
        return "memory:4Gi"
    return f"memory:{float(found[1]) * 2:g}{found[2] or ''}"


def _short(message: str) -> str:
    return " ".join(message.split())[:300]
