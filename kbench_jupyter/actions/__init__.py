"""Actions: the order of things behind every door; one module a verb, and beside them what several verbs share.

An action takes the :class:`~kbench_jupyter.session.session.Session` and plain values, does its work through the rooms
below, says through the session's reporter what it is doing, and returns a value that shows itself.
This room must never know how anything is drawn, nor which door asked. What one verb alone needs stands in that verb's
own folder. Docstrings leave out what a parameter's name and type say already, as of the session.
"""
