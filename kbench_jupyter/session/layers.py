"""Where a setting stands: chosen in this kernel, in the environment or in ``.env``, the first of these that has it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

from kbench_jupyter.errors import KBenchError
from kbench_jupyter.paths import expanded

PREFIX = "KBENCH_"


class Layers(Mapping[str, str]):
    """Environment variables, by default the process's, above ``KBENCH_`` lines of ``.env`` and below ``%config``.

    What was `chosen` with ``%config`` is looked at anew each time.
    """

    def __init__(self, chosen: Mapping[str, str], environ: Mapping[str, str] | None = None) -> None:
        self.chosen = chosen
        self.environ: Mapping[str, str] = os.environ if environ is None else environ

    def source(self, variable: str) -> tuple[str, str] | None:
        """Return a variable's value and where it comes from, or None where it is nowhere."""
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and self.chosen.get(name):
            return self.chosen[name], f"%config KBench.{name}"
        if self.environ.get(variable) or (variable in self.environ and not variable.startswith(PREFIX)):
            return self.environ[variable], f"environment variable {variable}"
        if variable.startswith(PREFIX):
            from kbench_jupyter.session import envfile

            named = self.environ.get("KBENCH_ENV_FILE") or ".env"
            with suppress(KBenchError):  # refused, which whoever asks for the file itself is told
                named = self.chosen.get("env_file") or named
            path = expanded(named)
            if value := envfile.read(path).get(variable):
                return value, str(path)
        return None

    def __getitem__(self, variable: str) -> str:
        found = self.source(variable)
        if found is None:
            raise KeyError(variable)
        return found[0]

    def __iter__(self) -> Iterator[str]:
        chosen = (PREFIX + name.upper() for name, value in self.chosen.items() if value)
        return iter(dict.fromkeys([*chosen, *self.environ]))

    def __len__(self) -> int:
        return len(list(iter(self)))
