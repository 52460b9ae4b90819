"""Imports what all pods import to run and render notebooks; forks of this process start warm."""

from kernelpipe.runtime.pod_kernel import load_libraries
from kernelpipe.runtime.pod_report import render_report


def _warm_up() -> None:
    load_libraries()
    import nbconvert  # noqa: F401 - not all of it is imported by the page below

    render_report({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}, "warm")


_warm_up()
