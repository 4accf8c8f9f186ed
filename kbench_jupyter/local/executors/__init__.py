"""Executors: where jobs are carried out. The queue says which job goes when; an executor says how it ended.

`work` is what the two agree on, `processes` carries jobs out on this machine. This room must never know the wire.
"""
