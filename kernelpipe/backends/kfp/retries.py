"""How often the pod of a step is tried again, in the IR."""

from typing import Final

from kernelpipe.backends.kfp.spec import Json
from kernelpipe.model.settings import Backoff, StepSettings

_NO_LIMIT_S: Final = 7 * 24 * 3600
"""For how long a step may be tried again. KFP's default of an hour counts from the start of the
first attempt: a step that fails after two hours would not be tried again at all."""


def retry_policy(settings: StepSettings) -> Json:
    """Return what a task is given, empty if its pod is tried once."""
    if not settings.retry:
        return {}
    backoff = settings.backoff or Backoff(first_s=0)
    return {
        "retryPolicy": {
            "maxRetryCount": settings.retry,
            "backoffDuration": f"{backoff.first_s}s",
            "backoffFactor": float(backoff.factor),
            "backoffMaxDuration": f"{backoff.within_s or _NO_LIMIT_S}s",
        }
    }
