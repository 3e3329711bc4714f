"""The pages for people: one plain frame for all, and those that only say something (sandbox).

Every value goes through `html.escape`; no page has a script, and the policy header forbids any.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from html import escape

from .accounts import Person
from .content import Held
from .messages import Answer

_STYLE = """
:root { color-scheme: light dark; --ink: #16323a; --soft: #52676d; --paper: #f3f6f4; --card: #ffffff; --line: #c9d4d1;
  --main: #00695c; --on-main: #ffffff; --warn: #a32020; --note: #fdf3d7; --note-ink: #5a4300; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eeeb; --soft: #a9bbb7; --paper: #101a1c; --card: #192629;
  --line: #3a4d50; --main: #6fd3c3; --on-main: #06201c; --warn: #ffb0a8; --note: #37301a; --note-ink: #f5dfa3; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 3rem 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 34rem; margin: 0 auto; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
main.wide { max-width: 56rem; }
.brand { margin: 0 0 1.5rem; font-weight: 600; color: var(--soft); }
.badge { margin-left: .4rem; padding: .15rem .5rem; border-radius: 4px; background: var(--note); color: var(--note-ink);
  font-size: .8rem; letter-spacing: .06em; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
a { color: var(--main); }
label { display: block; margin-top: 1rem; font-weight: 600; }
input { width: 100%; min-height: 2.75rem; margin-top: .25rem; padding: .4rem .7rem; border: 1px solid var(--soft);
  border-radius: 6px; background: var(--card); color: var(--ink); font: inherit; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button { min-height: 2.75rem; padding: .4rem 1.3rem; border: 1px solid var(--main); border-radius: 6px;
  background: var(--card); color: var(--main); font: inherit; font-weight: 600; cursor: pointer; }
button.main { background: var(--main); color: var(--on-main); }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
.code { display: block; margin: 1rem 0; padding: .6rem; border: 1px dashed var(--soft); border-radius: 6px;
  text-align: center; font: 600 1.8rem/1.3 ui-monospace, monospace; letter-spacing: .12em; }
.note { margin: 1.25rem 0; padding: .7rem 1rem; border-radius: 6px; background: var(--note); color: var(--note-ink); }
.note code { white-space: nowrap; }
.alert { margin: 1rem 0; color: var(--warn); font-weight: 600; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def page(title: str, body: str, *, status: int = 200, wide: bool = False) -> Answer:
    """Frame a page. `title` is escaped here; `body` is HTML whose values were escaped by the caller."""
    html = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · Terrascope SANDBOX</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main{' class=wide' if wide else ''}>\n"
        f'<p class="brand">Terrascope<span class="badge">SANDBOX</span></p>\n'
        f"<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", _POLICY),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Answer(status=status, headers=headers, body=Held(html.encode()))


def login_page(issuer: str) -> Answer:
    """Return what a browser without a login is sent to. It cannot sign in: the sandbox has the device login only."""
    return page(
        "Sign in to your account",
        f'<p class="note">A browser was sent here by a download link that needs a login.</p>'
        f'<p>Sign in from the notebook, or <a href="{escape(issuer)}/device">enter a device code</a>.</p>',
    )


def plain_page(title: str, text: str) -> Answer:
    """Return a page that says one thing."""
    return page(title, f'<p>{escape(text)}</p><p><a href="/">What is this?</a></p>')


def landing_page(issuer: str, stac_url: str, people: Iterable[Person], files: Iterable[tuple[str, int]]) -> Answer:
    """Return the page that says what this is, who can sign in, and what there is to download."""
    rows = "".join(
        f'<tr><td><code>{escape(url)}</code></td><td class="number">{size:,} B</td></tr>' for url, size in files
    )
    return page(
        "A Terrascope on this machine",
        '<p class="note">Nothing here is real: neither the accounts nor the images. '
        "It listens to this machine only and forgets everything when it ends.</p>"
        f"<p>Identity provider <code>{escape(issuer)}</code><br>"
        f'Catalogue <a href="{escape(stac_url)}"><code>{escape(stac_url)}</code></a><br>'
        f'Waiting for you: <a href="{escape(issuer)}/device">enter a device code</a></p>'
        f"<h2>Accounts</h2>{_table_of(people)}"
        '<h2>Files</h2><div class="scroll"><table><thead><tr><th scope="col">Address</th>'
        f'<th scope="col">Size</th></tr></thead><tbody>{rows}</tbody></table></div>',
        wide=True,
    )


def passwords_page(people: Iterable[Person]) -> Answer:
    """Return the page for who forgot the password: it tells all of them."""
    return page(
        "Forgot your password?",
        f'<p class="note">These accounts are not real, so here they are.</p>{_table_of(people)}',
        wide=True,
    )


def _table_of(people: Iterable[Person]) -> str:
    persons = "".join(
        f"<tr><td><code>{escape(person.name)}</code></td><td><code>{escape(person.password)}</code></td>"
        f"<td>{escape(_about(person))}</td></tr>"
        for person in people
    )
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">User</th><th scope="col">Password</th>'
        f'<th scope="col">For</th></tr></thead><tbody>{persons}</tbody></table></div>'
    )


def _about(person: Person) -> str:
    if not person.enabled:
        return "the account is disabled"
    if not person.set_up:
        return "has to change the password first"
    if person.totp_secret:
        return f"needs a one-time code (secret {person.totp_secret})"
    return "all is well; may stay signed in" if person.may_stay else "odd characters; may not stay signed in"
