"""The models there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.states import Modality
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["Model", "canonical"]


def canonical(value: Any) -> str:
    """Read a model's name."""
    return normalize_model(parse.text(value))


@dataclass(frozen=True)
class Model(Wire):
    """A model that benchmarks can run on; on the wire its ``version`` may be missing."""

    slug: str = wire("version.slug", "slug", read=canonical)  #: canonical, what ``-m`` takes
    display_name: str = wire("displayName", "version.displayName", default="")
    id: int = 0
    organization: str = wire("organization.name", "version.organization.name", default="")
    license: str = wire("license.name", "version.license.name", default="")
    #: The name the model proxy knows it by, if it can be reached there.
    proxy_slug: str | None = wire("version.modelProxySlug", default=None)
    #: Whether the model proxy serves it.
    allows_proxy: bool = wire("version.allowModelProxy", default=False)
    input_modalities: tuple[Modality, ...] = wire("version.inputModalities", default=())
    output_modalities: tuple[Modality, ...] = wire("version.outputModalities", default=())
    knowledge_cutoff: datetime | None = wire("version.knowledgeCutoff", default=None)
    deprecation_time: datetime | None = wire("version.deprecationTime", default=None)
    published: bool = False
    version_slug: str = wire("version.slug", default="")
    description: str = wire("version.description", default="")
