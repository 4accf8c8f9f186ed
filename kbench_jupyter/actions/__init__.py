"""Actions: one module a verb, the order of things behind both doors.

An action takes a :class:`~kbench_jupyter.session.session.Session` and plain values, does its work through
the rooms below, and returns a value that knows how to show itself. It reports progress through the
session's reporter and never draws anything.
"""
