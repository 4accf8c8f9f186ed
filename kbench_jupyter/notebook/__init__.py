"""The current notebook: finding it, how fresh its text is, and what of it is pushed.

`current` finds it, by the mirror in the browser or by one of the probes. `build` makes its task source, `files` that
of a file, and `pushed` the notebook that is sent, and back; all of them by way of percent format. This room
must never know the network: the only addresses it asks are those of Jupyter servers on this machine.
"""
