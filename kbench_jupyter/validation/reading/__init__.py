"""A task source as the rules see it: cells, scopes, tasks, and what a value of the notebook may be.

It tells facts. It must never know which of them is a mistake: that is what rules say.
"""
