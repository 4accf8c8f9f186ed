"""A widget's script in a page with nothing else: the test is the kernel, and says what that would.

What a kernel is not needed for is looked at here: how values are drawn, and what a view makes of answers that a real
kernel gives seldom (late, out of order, none).
"""

import json

from kbench_jupyter.panels.log.view import LogView
from kbench_jupyter.panels.panel import Panel

_PLACE = "http://lone.invalid/"
# The widget's model, which keeps what is sent; questions are answered by what the page
# has as `window.answer` (of panels) and `window.reply` (of logs).
_PAGE = """<!doctype html><meta charset=utf-8><title>Lone</title>
<style>body { margin: 0 }
%s</style>
<body><div id=one></div><div id=two></div><script type=module>
import widget from "./widget.js";
const heard = new Set();
window.sent = [];
window.say = (message) => { for (const one of [...heard]) one(message); };
const model = {
  get: (name) => window.traits[name],
  on: (name, act) => (name === "msg:custom" ? heard.add(act) : window.addEventListener(name, act)),
  off: (name, act) => (name === "msg:custom" ? heard.delete(act) : window.removeEventListener(name, act)),
  send: (message) => {
    window.sent.push(message);
    const answer = message.ask && window.answer?.(message);
    if (answer) setTimeout(() => window.say({ reply: message.ask, ...answer }));
    const lines = message.t && window.reply?.(message);
    if (lines) setTimeout(() => window.say(lines));
  },
};
window.traits = %s;
const made = widget();
made.initialize({ model });
window.open_view = (id) => made.render({ model, el: document.getElementById(id) });
window.end_view = window.open_view("one");
window.ready = true;
</script>"""


class LoneWidget:
    """One widget in a page of its own, in one view."""

    def __init__(self, page, kind, **traits):
        self.page, self._told = page, 0
        page.route(
            f"{_PLACE}**",
            lambda route: (
                route.fulfill(content_type="text/javascript", body=kind._esm)
                if route.request.url.endswith(".js")
                else route.fulfill(content_type="text/html", body=_PAGE % (kind._css, json.dumps(traits)))
            ),
        )
        page.goto(_PLACE)
        page.wait_for_function("window.ready")

    def say(self, **message):
        """Have the kernel send a message."""
        self.page.evaluate("message => window.say(message)", message)

    def sent(self, **like):
        """Return what the widget has sent, of messages with these values."""
        sent = self.page.evaluate("window.sent")
        return [one for one in sent if like.items() <= one.items()]


class LonePanel(LoneWidget):
    """A panel with one part."""

    def __init__(self, page, kind, **state):
        super().__init__(page, Panel, ident="lone", root="p1")
        self.put(kind=kind, busy="", problem=[], failed="", stopped="", **state, rows=[], replace=True)

    def put(self, rows=(), replace=False, **state):
        """Have the kernel tell what changed."""
        self._told += 1
        self.say(n=self._told, part="p1", time=0, set=state, rows=list(rows), replace=replace)


class LoneLog(LoneWidget):
    """A log view."""

    def __init__(self, page):
        super().__init__(page, LogView, ident="lone", task="quiz", label="here")
