"""Executes step notebooks in processes that are forked from one that has done the imports.

``server`` is a program: it runs by file path with the kernel's own interpreter, where nothing of
kernelpipe need be installed. It, ``kernel_app``, ``step_process``, ``preloading``, ``leaving`` and
``wire`` therefore import the standard library and ipykernel alone, and each other relatively. The
other modules run in the command's process.
"""
