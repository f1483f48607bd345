"""The page: one HTML file without anything from elsewhere, for a desk, a telephone and paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crmkit.demo.findings import Findings, Section
from crmkit.kernel.render import escape_html

STYLE = """
:root{--ink:#1d2329;--soft:#5d6873;--paper:#fbfaf7;--card:#fff;--line:#e4e1d9;--crm-1:#2a6f8e;--crm-2:#d98032;
--crm-good:#3c8a5b;--crm-bad:#b8463f;--crm-quiet:#6b7681;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e8e6e1;--soft:#a3abb3;--paper:#16191c;--card:#1e2226;--line:#32383e;
--crm-1:#5aa7c7;--crm-2:#e0a060;--crm-good:#6bb98a;--crm-bad:#dd7a72;--crm-quiet:#98a1aa}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue","Noto Sans",sans-serif}
main,header>div,footer{max-width:66rem;margin:0 auto;padding:0 1.1rem}
header{background:linear-gradient(120deg,#1f4f66,#2a6f8e 60%,#3c8a8a);color:#fff;padding:2.4rem 0 4.6rem}
header h1{font-size:clamp(1.6rem,4.5vw,2.5rem);line-height:1.15;margin:0 0 .4rem}
header p{margin:0;opacity:.85;max-width:44rem}
h2{font-size:1.35rem;margin:3rem 0 .3rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.2rem,1fr));gap:.8rem;margin:-3rem 0 0;padding:0}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:.9rem 1rem;
box-shadow:0 6px 18px rgb(0 0 0/.07)}
.facts dt{color:var(--soft);font-size:.82rem}
.facts dd{margin:.1rem 0 0;font-size:clamp(.95rem,2.1vw,1.08rem);font-weight:650;white-space:nowrap;
font-variant-numeric:tabular-nums}
section.finding{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:1.2rem 1.3rem 1.3rem;
margin:1.1rem 0;break-inside:avoid}
section.finding h3{margin:0 0 .25rem;font-size:1.13rem}
section.finding>p{margin:0 0 1rem;color:var(--soft);max-width:60rem}
.both{display:grid;grid-template-columns:1fr;gap:1.2rem;align-items:start}
@media(min-width:56rem){.both.two{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}}
figure,.narrow{margin:0;max-width:33rem}
svg{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;width:100%;font-size:.87rem;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;color:var(--soft);font-size:.82rem;padding:0 0 .35rem}
th,td{padding:.34rem .55rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{color:var(--soft);font-weight:600}
th:first-child,td:first-child{text-align:left;padding-left:0}
tbody tr:last-child td{border-bottom:0}
code{font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--soft);
overflow-wrap:anywhere}
p.code{margin:.9rem 0 0!important}
footer{color:var(--soft);font-size:.85rem;padding:2rem 1.1rem 3rem}
@media(max-width:32rem){table{font-size:.8rem}th,td{padding:.3rem .38rem}section.finding{padding:1rem}}
@media print{header{background:none;color:#000;padding:0}.facts{margin-top:1rem}.facts div,section.finding{
box-shadow:none}body{background:#fff}}
"""


def page(title: str, words: str, parts: Iterable[Findings], *, footer: str) -> str:
    """Give the page as HTML.

    Args:
        title: the heading.
        words: a sentence below it.
        parts: what was found; the facts of the first part stand at the top.
        footer: a sentence at the end.
    """
    blocks = [_part(part, first=number == 0) for number, part in enumerate(parts)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape_html(title)}</title><style>{STYLE}</style></head><body>"
        f"<header><div><h1>{escape_html(title)}</h1><p>{escape_html(words)}</p></div></header>"
        f"<main>{''.join(blocks)}</main><footer>{escape_html(footer)}</footer></body></html>\n"
    )


def _part(part: Findings, *, first: bool) -> str:
    facts = "".join(
        f"<div><dt>{escape_html(name)}</dt><dd>{escape_html(value)}</dd></div>" for name, value in part.facts.items()
    )
    heading = "" if first else f"<h2>{escape_html(part.title)}</h2>"
    cards = f'<dl class="facts"{"" if first else " style=margin-top:.6rem"}>{facts}</dl>' if facts else ""
    below = f"<h2>{escape_html(part.title)}</h2>" if first else ""
    return f"{heading}{cards}{below}{''.join(map(_section, part.sections))}"


def _section(section: Section) -> str:
    figure = f"<figure>{section.svg}</figure>" if section.svg else ""
    table = _table(section.headers, section.rows, caption=section.caption or section.title) if section.rows else ""
    wide, narrow = len(section.headers) > 8, len(section.headers) == 2
    shape = "both two" if figure and table and not wide else "both"
    shape += " narrow" if narrow and not figure else ""
    code = f'<p class="code"><code>{escape_html(section.code)}</code></p>' if section.code else ""
    return (
        f'<section class="finding"><h3>{escape_html(section.title)}</h3><p>{escape_html(section.words)}</p>'
        f'<div class="{shape}">{figure}{table}</div>{code}</section>'
    )


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    head = "".join(f'<th scope="col">{escape_html(cell)}</th>' for cell in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape_html(cell)}</td>' for cell in row)}</tr>" for row in rows)
    title = f"<caption>{escape_html(caption)}</caption>"
    return f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
