"""The models there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.states import Importance, Modality
from kbench_jupyter.api.values.wire import Wire, wire

__all__ = ["Model", "ModelConfig", "canonical"]


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
    version_id: int = wire("version.id", default=0)  #: what `ModelConfig.version_id` names
    version_slug: str = wire("version.slug", default="")
    #: Whether it takes a reasoning effort; the server says so only where it does not.
    supports_effort: bool = wire(
        "version.supportsReasoningEffort", default=True, read=lambda value: value is not False
    )
    release_date: datetime | None = wire("version.releaseDate", default=None)
    importance: Importance = wire("version.importanceLevel", default=Importance.UNSPECIFIED)
    description: str = wire("version.description", default="")


@dataclass(frozen=True)
class ModelConfig(Wire):
    """A model version at a reasoning effort: a candidate of its own."""

    id: int
    version_id: int = wire("benchmarkModelVersionId", default=0)
    name: str = wire("displayName", default="")
    slug: str = ""  #: what `Run.config` names
    effort: str = wire("reasoningEffort", default="")  #: empty where it is left to the provider
