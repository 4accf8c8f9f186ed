"""What the installed task SDK has: its names, their parameters, and what they give.

Read from its sources, never imported: an import takes seconds, reads the environment and the user's `.env`, and
patches asyncio and IPython in the whole process. The sources of the modules that a check asks about take some 30 ms
once a process, and follow whatever version is installed.
"""
