"""Running a task source in a fresh kernel before it is pushed, and saying what came of it.

It knows kernels (`kbench_jupyter.execution`) and task sources (`kbench_jupyter.notebook`); it must never know the
target, its credentials or how a result is drawn.
"""
