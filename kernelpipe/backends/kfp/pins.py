"""What is said of distributions: the version that is here, and what one needs."""

from dataclasses import dataclass

Need = tuple[str, tuple[str, ...]]
"""The name of a distribution, and its extras, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A distribution in the version that is installed here.

    ``direct_url`` says where it was installed from if that is no index ("file:///...", a
    repository), None otherwise.
    """

    name: str
    version: str
    direct_url: str | None = None
