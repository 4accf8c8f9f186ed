"""A run's log: its stream through every cut of the connection, and what of it is new or was missed.

Must never know how a log is shown.
"""
