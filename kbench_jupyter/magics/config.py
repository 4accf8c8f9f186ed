"""``%config KBench``: the settings as traits, which IPython lists and completes, checked as they are set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from traitlets import Unicode
from traitlets.config import Config, Configurable

from kbench_jupyter.errors import KBenchError, UsageError
from kbench_jupyter.hints import did_you_mean
from kbench_jupyter.session.settings import SERVER_SETTINGS, SETTINGS, Setting


class Refused(UsageError):
    """A setting that was not set. ``%config`` shows only an error's text, so it says all."""

    def __str__(self) -> str:
        return "\n".join(filter(None, [self.message, self.hint]))


class Value(Unicode[str, Any]):
    """The trait of one setting; an empty one leaves the choice to the environment, ``.env`` and the default."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(help=f"{setting.help} (default: {setting.default})")
        self.setting = setting

    def validate(self, obj: Any, value: Any) -> str:
        """Return a value's text, and remember a refusal: ``%config`` prints it and lets the cell succeed."""
        name = self.setting.name
        try:
            text = self.setting.read(value) if value not in ("", None) else ""
        except KBenchError as error:
            hint = "\n".join(filter(None, [error.hint, f"To do without: %config KBench.{name} = ''"]))
            obj.refused[name] = Refused(f"KBench.{name} was not set: {error.message}", hint=hint)
            raise obj.refused[name] from None
        obj.refused.pop(name, None)
        return text


class Settings(Configurable):
    """What all settings share."""

    def __init__(self, **more: Any) -> None:
        #: By setting, why its last value was refused: *Run All* must not go on with the value before.
        self.refused: dict[str, Refused] = {}
        super().__init__(**more)

    def update_config(self, config: Config) -> None:
        """Take over what was chosen; a name that is no setting's is an error, not only a warning."""
        names = [setting.name for setting in SETTINGS]
        for name in config.get("KBench", {}):
            if name not in names:
                raise _no_setting(name, names)
        super().update_config(config)


def _no_setting(name: str, names: list[str]) -> Refused:
    own = next((setting for setting in SERVER_SETTINGS if setting.name == name), None)
    if own is not None:
        return Refused(
            f"KBench.{name} cannot be set here: the embedded server reads it when it starts.",
            hint="%kbench local start --upstream URL --key-from VARIABLE"
            if own.name == "upstream_url"
            else f"Set {own.variable} in the environment it is started from.",
        )
    hint = did_you_mean(name, names, form="KBench.{}", more=f"there are: {', '.join(names)}")
    return Refused(f"There is no setting KBench.{name}.", hint=hint)


#: One trait a setting.
KBench: Any = type(
    "KBench",
    (Settings,),
    {
        "__doc__": "Settings of kbench_jupyter.",
        **{setting.name: Value(setting).tag(config=True) for setting in SETTINGS},
    },
)


class Chosen(Mapping[str, str]):
    """The traits of a :class:`KBench` as a mapping, always as they are now; what was refused raises when read."""

    def __init__(self, configurable: Any) -> None:
        self._configurable = configurable

    def __getitem__(self, name: str) -> str:
        if name not in self:
            raise KeyError(name)
        if name in self._configurable.refused:
            raise self._configurable.refused[name]
        return str(getattr(self._configurable, name))

    def __contains__(self, name: object) -> bool:
        return any(setting.name == name for setting in SETTINGS)

    def __iter__(self) -> Iterator[str]:
        return (setting.name for setting in SETTINGS)

    def __len__(self) -> int:
        return len(SETTINGS)
