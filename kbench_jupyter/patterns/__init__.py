"""Patterns: worked tasks as data, for ``%kbench new``, and what ``%kbench init`` starts a folder with (`starter/`).

Each pattern is one percent-format file: a markdown cell that says what it shows (a title, a sentence, where it matters
a paragraph that begins with "Needs", then more), one code cell that is a whole task, and a markdown cell on what to
keep in mind. `kbench_jupyter.actions.new` names them all and reads them: they are cells of notebooks, never imported.
This room must never know anything of this package.
"""
