"""A task source as the rules see it: cells, scopes, tasks, and what a value of the notebook may be.

It tells facts. It must never know which of them is a mistake: that is what rules say.

From below: `cells` (with `names`, `ipython_syntax`), `scopes` and `parts`, `walk`, `walked`; then what expressions
may stand for (`value`, `evaluator`, `calls`, `elements`, `values`) and what is executed (`switches`, `reach`), all in
one `program`; then its tasks (`task`, `handed_on`, `tasks`), and looks at them that a few rules ask for (`types_of`,
`endings`, `unrecordable`, `run_places`). `sdk` is the installed SDK, read from its sources.
"""
