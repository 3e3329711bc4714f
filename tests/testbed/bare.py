"""A widget's two files on a page that is no Jupyter: as strict as a host can be, and in the colours of VS Code."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping, Sequence

from ipyterrascope.notebook.kernel_widget import KernelWidget
from ipyterrascope.notebook.login_widget import LoginWidget

# nothing but the page's own script and modules from memory, as every anywidget is one: no eval, no inline script
POLICY = (
    "default-src 'none'; script-src 'self' blob:; style-src 'self'; connect-src 'none'; img-src 'none'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

# what VS Code's Jupyter extension lays under every theme: the colours of JupyterLab Light, and white behind a widget
_UNDER_VSCODE = """
:root {
  --jp-ui-font-color1: rgba(0, 0, 0, 0.8); --jp-ui-font-color2: rgba(0, 0, 0, 0.5); --jp-layout-color1: white;
  --jp-layout-color2: #eee; --jp-border-color1: #bdbdbd; --jp-inverse-border-color: #757575;
  --jp-content-link-color: #1976d2; --jp-error-color1: #d32f2f; --jp-ui-font-family: "Helvetica Neue", sans-serif;
}
.cell-output-ipywidget-background { background: white !important; }
"""

# as in VS Code's own "Dark Modern" and "Light Modern"
VSCODE: Mapping[str, Mapping[str, str]] = {
    "vscode-dark": {
        "foreground": "#cccccc",
        "descriptionForeground": "#9d9d9d",
        "editor-background": "#1f1f1f",
        "textCodeBlock-background": "#2b2b2b",
        "widget-border": "#313131",
        "input-border": "#3c3c3c",
        "textLink-foreground": "#4daafc",
        "button-background": "#0078d4",
        "button-foreground": "#ffffff",
        "button-hoverBackground": "#026ec1",
        "focusBorder": "#0078d4",
        "errorForeground": "#f85149",
    },
    "vscode-light": {
        "foreground": "#3b3b3b",
        "descriptionForeground": "#3b3b3b",
        "editor-background": "#ffffff",
        "textCodeBlock-background": "#f8f8f8",
        "widget-border": "#e5e5e5",
        "input-border": "#cecece",
        "textLink-foreground": "#005fb8",
        "button-background": "#005fb8",
        "button-foreground": "#ffffff",
        "button-hoverBackground": "#0258a8",
        "focusBorder": "#005fb8",
        "errorForeground": "#c72e0f",
    },
    "": {},
}

# plays the kernel: answers a hello, and tells what it knows
_HOST = """
const traits = TRAITS;
const listeners = new Map();
const tell = (name, ...news) => (listeners.get(name) ?? []).forEach(callback => callback(...news));
const model = {
  sent: [],
  get: name => traits[name],
  on: (name, callback) => listeners.set(name, [...(listeners.get(name) ?? []), callback]),
  off: () => {},
  send(content) {
    model.sent.push(content);
    if (content.kind !== "hello") return;
    const reply = { boot_id: traits.boot_id, view_id: content.view_id };
    for (const news of NEWS) tell("msg:custom", { ...reply, ...news });
    tell("msg:custom", { ...reply, kind: "welcome", now: Date.now() / 1000 });
  },
};
window.violations = [];
document.addEventListener("securitypolicyviolation", event => violations.push(event.violatedDirective));
window.play = state => { Object.assign(traits, state, { serial: traits.serial + 1 }); tell("change:serial"); };
window.model = model;
const module = await import(URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" })));
const el = document.createElement("div");
el.className = "cell-output-ipywidget-background";
module.default.render({ model, el: document.body.appendChild(el) });
"""


def _page(body_class: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><title>Bare</title>'
        '<link rel="stylesheet" href="/theme.css"><link rel="stylesheet" href="/widget.css">'
        f'<script type="module" src="/host.js"></script></head><body class="{body_class}"></body></html>'
    ).encode()


@contextlib.contextmanager
def bare_page(
    traits: Mapping[str, object],
    theme: str = "",
    widget: type[KernelWidget] = LoginWidget,
    news: Sequence[Mapping[str, object]] = (),
) -> Iterator[str]:
    """Serve the page on loopback, and return its address; `play(state)` in it changes what the widget shows.

    Parameters
    ----------
    traits : mapping
        What the widget shows at first.
    theme : str
        The class of the page's body; a name of `VSCODE` brings the colours of that theme.
    widget : type
        Whose files these are.
    news : sequence of mapping
        The messages that follow a hello.
    """
    colours = "".join(f"--vscode-{name}: {colour};" for name, colour in VSCODE[theme].items())
    under = _UNDER_VSCODE if theme else ""
    host = _HOST
    for name, value in (("TRAITS", dict(traits)), ("NEWS", [*map(dict, news)]), ("SOURCE", str(widget._esm))):
        host = host.replace(name, json.dumps(value), 1)
    files = {
        "/": ("text/html", _page(theme)),
        "/theme.css": (
            "text/css",
            f"{under} :root {{{colours}}} body {{background: var(--vscode-editor-background)}}".encode(),
        ),
        "/widget.css": ("text/css", str(widget._css).encode()),
        "/host.js": ("text/javascript", host.encode()),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = files.get(self.path, ("text/plain", b""))
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
