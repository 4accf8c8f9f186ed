"""How a value looks, as text for a terminal and as HTML for a notebook.

A value describes itself once, as a ``View`` made of a few plain parts; this room draws the view in both forms. It must
never know where the value came from.
"""
