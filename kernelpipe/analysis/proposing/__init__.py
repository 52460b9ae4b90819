"""Steps for notebooks that have none."""

from kernelpipe.analysis.proposing.mending import Mended
from kernelpipe.analysis.proposing.proposal import Proposal, ProposedStep, propose_steps

__all__ = ["Mended", "Proposal", "ProposedStep", "propose_steps"]
