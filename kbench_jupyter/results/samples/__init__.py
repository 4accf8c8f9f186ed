"""Samples: the runs of a task down to each row they evaluated, read lazily.

A *sample* is one row of a dataset evaluation. Which parts of a run are samples:

* a run or subrun that ``evaluate`` made for a row is a sample; what is nested below it is its tree;
* any other run is descended into, and the sub tasks without subruns of their own are samples;
* a run without subruns is a sample of its own.

Listed samples carry clipped texts; whoever wants the whole opens a transcript. All text of a model is data:
nothing here parses it as HTML, Markdown or terminal codes.
"""

from kbench_jupyter.results.samples.grid import Column, GridCell, GridRow
from kbench_jupyter.results.samples.index import SampleIndex
from kbench_jupyter.results.samples.measures import MEASURES, value
from kbench_jupyter.results.samples.sample import EVERY, Filter, Sample
from kbench_jupyter.results.samples.transcript import (
    Media,
    Part,
    Reasoning,
    Structured,
    Text,
    ToolCall,
    ToolResult,
    Transcript,
    TranscriptMessage,
    TreeNode,
)

__all__ = [
    "EVERY",
    "MEASURES",
    "Column",
    "Filter",
    "GridCell",
    "GridRow",
    "Media",
    "Part",
    "Reasoning",
    "Sample",
    "SampleIndex",
    "Structured",
    "Text",
    "ToolCall",
    "ToolResult",
    "Transcript",
    "TranscriptMessage",
    "TreeNode",
    "value",
]
