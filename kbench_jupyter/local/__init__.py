"""The embedded server: the Benchmarks API on this machine, for tasks that never leave it.

It meets the rest of the package on the wire alone, runs in a process of its own
(``python -m kbench_jupyter.local``) and is a real server, not a double of one: tasks and runs are kept in
SQLite, each run executes the pushed notebook with the real task SDK in its own process and kernel, and
the models answer for real.

======================  ==================================================================================
``home``                where everything is kept, the token, the lock, the state file
``store``, ``schema``   tasks, versions, runs, benchmarks and proxy tokens in SQLite
``rows``                what it holds of a version and of a run
``wire``                how rows look as JSON (defaults left out, times ``...Z``)
``app``, ``web``        routes; host check, authentication, body limits, error envelopes
``calls_*``             one function a call of the API
``lookups``             what a request names: tasks, benchmarks, pages of a list
``model_proxy``         ``/openapi`` and ``/genai``: where a task's prompts go
``models``              which models there are, and which provider answers for each
``engine*``             SmolLM2 in a child process of its own, started on the first prompt
``upstream``            any OpenAI-compatible endpoint
``queue``               which job goes when, cancel, what a restart finds
``executors``           where jobs are carried out: on this machine or a Dask cluster, each in a process of its own
``children``            the processes it starts, and their end
``job``, ``runner``     one execution: what it is given, and the process that does it
``notebooks``             reading what was pushed
``outcome``             what an execution's files say: completed, errored, without a run, invalid
``logs``                log files, and following one while it grows
``clean``               deleting logs and outputs by age and size
``sandbox``, ``bridge``  what a task's kernel is kept in, and its way to the model proxy
======================  ==================================================================================

This room imports ``execution/`` and ``errors`` of the package; it must never know the rest.
"""
