"""Tests of what a user sees, in a real JupyterLab and a real browser."""
