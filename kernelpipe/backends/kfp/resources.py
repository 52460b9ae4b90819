"""Resource settings as KFP's resource messages."""

import re
from dataclasses import dataclass
from typing import Final

from kernelpipe.backends.kfp.spec import Json
from kernelpipe.model.settings import ResourceLimit, StepSettings

_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(m|[kMGTPE]i?|Ki)?")
_FACTORS: Final = {
    "m": 1e-3,
    "": 1.0,
    **{unit: 1e3 ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": 1024.0 ** (power + 1) for power, unit in enumerate("KMGTPE")},
}
_BYTES_PER_GB: Final = 1e9
DEFAULT_GPU: Final = "nvidia.com/gpu"


def quantity(text: str) -> float | None:
    """Return a Kubernetes quantity ("500m", "4Gi") as a number, None if it is none."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or (found[2] or "") not in _FACTORS:
        return None
    return float(found[1]) * _FACTORS[found[2] or ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The one extended resource that KFP can limit: a device and how many of it."""

    resource: str
    count: int


def accelerator(settings: StepSettings) -> tuple[Accelerator | None, tuple[ResourceLimit, ...]]:
    """Return the accelerator of a step and the limits that KFP has no place for."""
    if settings.gpu:
        chosen = Accelerator(resource=settings.gpu_type or DEFAULT_GPU, count=settings.gpu)
        return chosen, tuple(x for x in settings.limits if x.resource != chosen.resource)
    for limit in settings.limits:
        if limit.amount.isdecimal() and "/" in limit.resource:
            chosen = Accelerator(resource=limit.resource, count=int(limit.amount))
            return chosen, tuple(x for x in settings.limits if x is not limit)
    return None, settings.limits


def resource_spec(settings: StepSettings) -> Json:
    """Return the ``resources`` of a container, empty if nothing is limited.

    Old backends read the numeric fields, new ones the text fields. Quantities must be valid.
    """
    spec: Json = {}
    if settings.cpu is not None:
        spec |= {"cpuLimit": quantity(settings.cpu), "resourceCpuLimit": settings.cpu}
    if settings.memory is not None:
        size = quantity(settings.memory) or 0.0
        spec |= {"memoryLimit": size / _BYTES_PER_GB, "resourceMemoryLimit": settings.memory}
    if settings.cpu_request is not None:
        spec |= {
            "cpuRequest": quantity(settings.cpu_request),
            "resourceCpuRequest": settings.cpu_request,
        }
    if settings.memory_request is not None:
        spec |= {
            "memoryRequest": (quantity(settings.memory_request) or 0.0) / _BYTES_PER_GB,
            "resourceMemoryRequest": settings.memory_request,
        }
    device, _ = accelerator(settings)
    if device is not None:
        spec["accelerator"] = {
            "type": device.resource,
            "count": str(device.count),
            "resourceType": device.resource,
            "resourceCount": str(device.count),
        }
    return spec
