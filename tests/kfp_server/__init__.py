"""A stand-in for the API server of Kubeflow Pipelines, for tests: it answers over loopback HTTP.

What it accepts and answers is checked against the published v2beta1 description, as the installed
``kfp_server_api`` has it: an unknown field, a wrong type or a missing name is refused with 400.
Pipelines that are submitted are executed with ``kfp.local``, each in a process of its own.

It is stricter than a cluster (which drops unknown fields in silence) and knows less: no users but
tokens, no artifacts, steps one after another. See :class:`Behaviour` for how it can misbehave.
"""

from kfp_server.behaviour import Behaviour, Fault
from kfp_server.serving import KfpServer

__all__ = ["Behaviour", "Fault", "KfpServer"]
