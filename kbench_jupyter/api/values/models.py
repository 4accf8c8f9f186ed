"""The models there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from kbench_jupyter.api.names import normalize_model
from kbench_jupyter.api.values import parse
from kbench_jupyter.api.values.states import Modality

__all__ = ["Model"]


@dataclass(frozen=True)
class Model:
    """A model that benchmarks can run on.

    Parameters
    ----------
    slug : str
        Canonical slug, what ``-m`` takes.
    proxy_slug : str or None
        The name the model proxy knows it by, if it can be reached there.
    allows_proxy : bool
        Whether the model proxy serves it.
    """

    slug: str
    display_name: str = ""
    id: int = 0
    organization: str = ""
    license: str = ""
    proxy_slug: str | None = None
    allows_proxy: bool = False
    input_modalities: tuple[Modality, ...] = ()
    output_modalities: tuple[Modality, ...] = ()
    knowledge_cutoff: datetime | None = None
    deprecation_time: datetime | None = None
    published: bool = False
    version_slug: str = ""
    description: str = ""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read a ``BenchmarkModel``; its ``version`` may be missing."""
        version = parse.mapping(data.get("version"))
        version_slug = parse.text(version.get("slug"))
        organization = parse.mapping(data.get("organization") or version.get("organization"))
        license_ = parse.mapping(data.get("license") or version.get("license"))
        return cls(
            slug=normalize_model(version_slug or parse.text(data.get("slug"))),
            display_name=parse.text(data.get("displayName")) or parse.text(version.get("displayName")),
            id=parse.integer(data.get("id")) or 0,
            organization=parse.text(organization.get("name")),
            license=parse.text(license_.get("name")),
            proxy_slug=parse.text(version.get("modelProxySlug")) or None,
            allows_proxy=parse.boolean(version.get("allowModelProxy")),
            input_modalities=_modalities(version.get("inputModalities")),
            output_modalities=_modalities(version.get("outputModalities")),
            knowledge_cutoff=parse.when(version.get("knowledgeCutoff")),
            deprecation_time=parse.when(version.get("deprecationTime")),
            published=parse.boolean(data.get("published")),
            version_slug=version_slug,
            description=parse.text(version.get("description")),
        )


def _modalities(value: Any) -> tuple[Modality, ...]:
    return tuple(Modality.from_wire(item) for item in value) if isinstance(value, list) else ()
