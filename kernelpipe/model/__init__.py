"""Frozen value types, one per stage, that the rest of kernelpipe passes along."""
