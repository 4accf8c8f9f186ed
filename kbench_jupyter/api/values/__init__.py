"""What the API speaks of, as frozen values: each names its fields on the wire, and `wire` reads them.

Must never know a call, nor whether a value came from a server at all.
"""
