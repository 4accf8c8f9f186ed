"""Display: how a value looks, as text for a terminal and as HTML for a notebook.

A value describes itself once, as a :class:`~kbench_jupyter.display.view.View` made of a few plain parts;
this room draws that view in both forms. It knows nothing of where the value came from.
"""
