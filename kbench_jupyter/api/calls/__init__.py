"""The calls of the Benchmarks API, by what they are about, and what makes a call survive and its answer count.

Knows requests, answers and errors; must never know how bytes travel (`network`), nor what they are for.
"""
