"""Reports: a comparison as one file to hand on, down to what was said in its samples.

What other rooms use: `Content`, what a report says; `html_pages` and `markdown_pages`, which yield it piece by piece
(a hundred thousand transcripts are not held in memory); and `Cleaner`, which takes out of a text what is nobody
else's business. An HTML report is one page that asks for nothing: no script, no network, styles in the page. All text
in it is escaped, whoever wrote it.
"""

from kbench_jupyter.results.report.clean import Cleaner
from kbench_jupyter.results.report.content import Content, Drawing
from kbench_jupyter.results.report.html import html_pages
from kbench_jupyter.results.report.markdown import markdown_pages

__all__ = ["Cleaner", "Content", "Drawing", "html_pages", "markdown_pages"]
