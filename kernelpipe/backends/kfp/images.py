"""Which image a step runs in."""

import sys

from kernelpipe.model.settings import StepSettings


def default_image() -> str:
    """Return the image of steps that name none: Python in the version that runs here."""
    return f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


def image_of(settings: StepSettings) -> str:
    """Return the image of a step."""
    return settings.image or default_image()
