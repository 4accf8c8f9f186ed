"""``%kbench target``: shows which server is spoken to, and chooses one for this kernel."""

from __future__ import annotations

from dataclasses import dataclass

from kbench_jupyter.display.view import Facts, Shown, Value, View
from kbench_jupyter.errors import CredentialsError, TargetError
from kbench_jupyter.session.session import Session
from kbench_jupyter.session.target import (
    BY_ADDRESS,
    KAGGLE,
    LOCAL,
    NONE_FOUND,
    TOKEN_ADVICE,
    Target,
    check_name,
    how_to_unset,
)


@dataclass(frozen=True)
class TargetShown(Shown):
    """Which server is spoken to."""

    target: Target

    def view(self) -> View:
        """Describe the target."""
        other = LOCAL if self.target.name == KAGGLE else KAGGLE
        steps = [] if self.target.reason == BY_ADDRESS else [(f"%kbench target {other}", "switch")]
        remark = self.target.credentials.remark if self.target.credentials else ""
        notes = [remark] if remark else []
        return View(
            f"Speaking to {self.target.name}", [Facts(facts_of(self.target))], notes=notes, next=steps
        )


def facts_of(target: Target) -> dict[str, Value]:
    """Return what there is to say of a target, by name; no secret is among it."""
    return {
        "target": target.name,
        "address": target.base_url.partition("?")[0],  # a query might hold a key
        "credentials": target.credentials.source if target.credentials else "none",
        "why": target.reason,
    }


def _not_switched(session: Session, error: CredentialsError) -> CredentialsError:
    """Return the error of a switch to Kaggle that failed, with the target that stays."""
    stays = session.chosen or session.environ.get("KBENCH_TARGET") or LOCAL  # the default without credentials
    if stays != LOCAL:
        return error
    if not error.message.endswith(NONE_FOUND):  # they are there, and damaged
        return CredentialsError(f"The target stays {stays}. {error.message}", hint=error.hint)
    return CredentialsError(f"The target stays {stays}: {NONE_FOUND}", hint=TOKEN_ADVICE)


def target(session: Session, name: str | None = None) -> TargetShown:
    """Show the target, or set it for this kernel.

    Parameters
    ----------
    name : str, optional
        ``"kaggle"`` or ``"local"``.

    Raises
    ------
    TargetError, CredentialsError
        If that target cannot be had; the one before stays.
    """
    if name is not None:
        check_name(name)
        if session.environ.get("KBENCH_API_URL"):
            raise TargetError(
                f"{BY_ADDRESS} and decides the target.",
                hint=f"Unset it first: {how_to_unset(session.environ)}",
            )
        before, session.chosen = session.chosen, name
        try:
            return TargetShown(session.target())
        except CredentialsError as error:
            session.chosen = before
            raise _not_switched(session, error) from None
        except Exception:
            session.chosen = before
            raise
    return TargetShown(session.target())
