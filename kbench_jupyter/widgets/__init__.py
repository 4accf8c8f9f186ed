"""What all our widgets share: one script from many modules, elements and styles, and what of a widget is saved.

It must never know what a widget shows: no notebook, no task, no run.
"""
