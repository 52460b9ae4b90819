"""What the stand-in can be told to do wrong, as clusters do."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What happens to a task instead of running it; the value is what Kubernetes or Argo says."""

    EVICTED = "The node was low on resource: memory. Container main was using 5Gi, request is 1Gi."
    IMAGE_PULL = 'ImagePullBackOff: Back-off pulling image "registry.example.com/train:1"'
    OUT_OF_MEMORY = "OOMKilled (exit code 137): Error (exit code 137)"
    DRIVER = "KFP driver: driver.Container: failed to resolve inputs: parameter x not found"
    DEADLINE = "Pod was active on the node longer than the specified deadline"
    UNSCHEDULABLE = "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    CANCELED = "workflow shutdown with strategy:  Terminate"

    @property
    def is_waiting(self) -> bool:
        """Tell whether the pod never starts, so that the run waits until it is stopped."""
        return self in {Fault.IMAGE_PULL, Fault.UNSCHEDULABLE}


@dataclass
class Behaviour:
    """How the stand-in behaves; tests change it while the server runs.

    Attributes:
        delay_s: How long every answer takes.
        drops_before: How many requests are dropped before they are read.
        drops_after: How many requests are carried out, but not answered.
        drops_only: The operation that is dropped ("run_service_create_run"), None for all.
        failures: How many requests are answered with ``failure_status``.
        failure_status: An HTTP status of the 5xx kind.
        tokens: Bearer tokens that are accepted; None asks for none.
        cookie: The cookie that is asked for; None asks for none.
        redirects_to: Answer everything with a redirect, as a proxy in front does to those who have
            not logged in.
        polls_without_details: How many times a run is given without ``run_details``.
        is_classic: Leave out what clusters up to 2.17 leave out of task details: errors, pod
            names, parents; children are named by Argo's node ids.
        is_multi_user: Ask for a namespace.
        has_logs: Give the logs of pods.
        faults: Task name -> what happens to it.
    """

    delay_s: float = 0
    drops_before: int = 0
    drops_after: int = 0
    drops_only: str | None = None
    failures: int = 0
    failure_status: int = 503
    tokens: frozenset[str] | None = None
    cookie: str | None = None
    redirects_to: str | None = None
    polls_without_details: int = 0
    is_classic: bool = False
    is_multi_user: bool = False
    has_logs: bool = True
    faults: Mapping[str, Fault] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, counter: str, operation: str = "") -> bool:
        """Count one of ``counter`` down; return whether there was one."""
        with self._lock:
            left: int = getattr(self, counter)
            if left <= 0 or (counter.startswith("drops") and not self._is_dropped(operation)):
                return False
            setattr(self, counter, left - 1)
            return True

    def _is_dropped(self, operation: str) -> bool:
        return self.drops_only is None or self.drops_only == operation
