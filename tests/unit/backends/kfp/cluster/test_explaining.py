"""Tests of why pods failed, in words."""

import pytest

from kernelpipe.backends.kfp.cluster.answers import RemoteStep
from kernelpipe.backends.kfp.cluster.explaining import explain

STEP = RemoteStep(task="train", step="train", image="example.com/a:1", memory="1.5Gi", cpu="4")
PLAIN = RemoteStep(task="train", step="train")


@pytest.mark.parametrize(
    ("message", "step", "name", "text"),
    [
        pytest.param(
            "The node was low on resource: memory. Container main was using 5Gi, request is 1Gi.",
            STEP,
            "Evicted",
            "its pod was evicted: the node ran low on memory. "
            "It asks for 1.5Gi; ask for what it really uses: memory:3Gi.",
            id="evicted-memory",
        ),
        pytest.param(
            "Evicted: The node was low on resource: memory",
            PLAIN,
            "Evicted",
            "its pod was evicted: the node ran low on memory. Say how much it needs, so that it is "
            "put on a node that has it: memory:4Gi.",
            id="evicted-unlimited",
        ),
        pytest.param(
            "The node was low on resource: ephemeral-storage.",
            STEP,
            "Evicted",
            "its pod was evicted: the node ran low on ephemeral-storage. "
            "Write less to the pod's disk, or mount a volume.",
            id="evicted-disk",
        ),
        pytest.param(
            "Pod evicted",
            STEP,
            "Evicted",
            "its pod was evicted: the node ran low on resources. "
            "Run it again: retry:2 does so by itself.",
            id="evicted-unsaid",
        ),
        pytest.param(
            'ImagePullBackOff: Back-off pulling image "example.com/b:2"',
            STEP,
            "ImagePullBackOff",
            "the image example.com/b:2 cannot be pulled. Check its name and tag (image:REF), and "
            "whether the cluster can reach the registry.",
            id="image",
        ),
        pytest.param(
            "ErrImagePull: unauthorized: authentication required",
            STEP,
            "ImagePullBackOff",
            "the image example.com/a:1 cannot be pulled. "
            "The cluster needs a pull secret for that registry.",
            id="image-denied",
        ),
        pytest.param(
            "OOMKilled (exit code 137)",
            STEP,
            "OOMKilled",
            "it needed more memory than its limit of 1.5Gi and was killed. "
            "Give it more: memory:3Gi.",
            id="memory",
        ),
        pytest.param(
            "Error (exit code 137)",
            PLAIN,
            "Killed",
            "it was killed (exit code 137), most often because it needed more memory than its "
            "limit. Give it more: memory:4Gi.",
            id="memory-unlimited",
        ),
        pytest.param(
            "Pod was active on the node longer than the specified deadline",
            STEP,
            "DeadlineExceeded",
            "it took longer than it may and was stopped. Give it more time: timeout:2h for the "
            "step; the whole run may have a deadline of its own.",
            id="deadline",
        ),
        pytest.param(
            "workflow shutdown with strategy:  Terminate",
            STEP,
            "Terminated",
            "it was stopped with the run.",
            id="stopped",
        ),
        pytest.param(
            "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
            STEP,
            "Unschedulable",
            "no node with enough nvidia.com/gpu is free for its pod. "
            "Ask for fewer with gpu:N, or add a node with nvidia.com/gpu.",
            id="gpu",
        ),
        pytest.param(
            "0/3 nodes are available: 3 Insufficient memory.",
            STEP,
            "Unschedulable",
            "no node with enough memory is free for its pod. "
            "It asks for 1.5Gi: ask for less, or add a larger node.",
            id="no-node-memory",
        ),
        pytest.param(
            "0/3 nodes are available: 3 Insufficient cpu.",
            STEP,
            "Unschedulable",
            "no node with enough cpu is free for its pod. "
            "It asks for 4: ask for less, or add a larger node.",
            id="no-node-cpu",
        ),
        pytest.param(
            "0/3 nodes are available: 3 node(s) had untolerated taint.",
            STEP,
            "Unschedulable",
            "no node is free for its pod. "
            "The cluster says: 0/3 nodes are available: 3 node(s) had untolerated taint.",
            id="no-node-taint",
        ),
        pytest.param(
            'CreateContainerConfigError: secret "s3-keys" not found',
            STEP,
            "CreateContainerConfigError",
            "the secret s3-keys that it needs does not exist in the namespace of the run. Create "
            "it there, or correct the tag (secret:NAME:KEY:VARIABLE).",
            id="secret",
        ),
        pytest.param(
            "pod deleted",
            STEP,
            "PodDeleted",
            "its pod was deleted, often because its node was drained or taken away. "
            "Run it again: retry:2 does so by itself.",
            id="deleted",
        ),
        pytest.param(
            "Error (exit code 1)",
            STEP,
            "Error",
            "its program ended with exit code 1: the exception and the cell are in its log.",
            id="exit",
        ),
        pytest.param(
            "something  new\nhappened",
            STEP,
            "PodFailed",
            "its pod failed: something new happened",
            id="unknown",
        ),
    ],
)
def test_explain__message_of_the_cluster__is_said_with_what_to_change(
    message: str, step: RemoteStep, name: str, text: str
) -> None:
    """Each known cause names the tag that helps."""
    found = explain(message, step)

    assert (found.name, found.text) == (name, text)


def test_explain__failed_driver__says_that_no_code_ran() -> None:
    """The driver is Kubeflow's own pod."""
    found = explain("cannot find context", STEP, is_driver=True)

    assert found.name == "DriverFailed"
    assert "(its driver failed): cannot find context. Your code was not started." in found.text


def test_explain__driver_pod_evicted__says_what_happened_to_it() -> None:
    """A known cause is more telling than whose pod it was."""
    assert explain("Evicted", STEP, is_driver=True).name == "Evicted"
