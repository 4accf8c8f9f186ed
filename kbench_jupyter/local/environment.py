"""The environment a task runs in on the embedded server: a kernel's, the model proxy, and a home of its own."""

from __future__ import annotations

from kbench_jupyter.execution.environment import kernel_environment


def task_environment(
    *, home: str, proxy_url: str, token: str, model: str, models: list[str]
) -> dict[str, str]:
    """Return the whole environment of the kernel that a task runs in; `home` is an empty folder of its own."""
    return {
        **kernel_environment(),
        "HOME": home,
        "MODEL_PROXY_URL": proxy_url,
        "MODEL_PROXY_API_KEY": token,
        "LLM_DEFAULT": model,
        "LLM_DEFAULT_EVAL": model,
        "LLMS_AVAILABLE": ",".join(models),
        # As in Kaggle's batch sessions: a task that raises leaves an errored run file behind instead of
        # ending the notebook, so that its traceback and what it prompted can be looked at.
        "CONTINUE_WITH_EXCEPTIONS": "True",
    }
