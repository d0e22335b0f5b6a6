"""HTML that needs no script and no inline style; every value is escaped."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus

CONTENT_POLICY = "default-src 'self'"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem; padding: 0 1rem; color: #1a1f36; }
h1 { font-size: 1.4rem; }
label { display: block; margin: .75rem 0; }
input, select { display: block; font: inherit; padding: .4rem; width: 100%; box-sizing: border-box; }
button { font: inherit; padding: .5rem 1rem; margin: .25rem .5rem .25rem 0; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #ddd; padding: .3rem .5rem; text-align: left; vertical-align: top; }
.error { border-left: 4px solid #b3261e; padding: .5rem 1rem; background: #fdecea; }
.note { color: #596171; }
form.inline { display: inline; }
"""


@dataclass(frozen=True)
class Reply:
    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def page(title: str, *parts: str, status: int = HTTPStatus.OK) -> Reply:
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><link rel="stylesheet" href="/style.css">'
    body = f"<h1>{escape(title)}</h1>" + "".join(parts)
    note = '<p class="note">Stripe\'s simulator: no real money, test cards only.</p>'
    html = f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}{note}</main></body></html>'
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": CONTENT_POLICY}
    return Reply(status, html, headers)


def style() -> Reply:
    return Reply(HTTPStatus.OK, STYLE, {"Content-Type": "text/css"})


def redirect(address: str) -> Reply:
    return Reply(HTTPStatus.SEE_OTHER, "", {"Location": address})


def not_found(what: str) -> Reply:
    return page("Not found", paragraph(what), status=HTTPStatus.NOT_FOUND)


def paragraph(words: str, kind: str = "") -> str:
    return f"<p{attribute('class', kind)}>{escape(words)}</p>"


def error(words: str | None) -> str:
    return f'<p class="error" role="alert">{escape(words)}</p>' if words else ""


def attribute(name: str, value: str) -> str:
    return f' {name}="{escape(value)}"' if value else ""


def link(address: str, words: str) -> str:
    return f'<a href="{escape(address)}">{escape(words)}</a>'


def entry(name: str, label: str, *, value: str = "", kind: str = "text", required: bool = True) -> str:
    needed = " required" if required else ""
    shown = attribute("value", value)
    return f'<label>{escape(label)}<input type="{kind}" name="{escape(name)}"{shown}{needed}></label>'


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def button(words: str, *, name: str = "", value: str = "") -> str:
    return f'<button type="submit"{attribute("name", name)}{attribute("value", value)}>{escape(words)}</button>'


def form(action: str, *parts: str, inline: bool = False) -> str:
    kind = ' class="inline"' if inline else ""
    return f'<form method="post" action="{escape(action)}"{kind}>{"".join(parts)}</form>'


def table(heads: list[str], rows: list[list[str]]) -> str:
    """The cells are HTML already."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
