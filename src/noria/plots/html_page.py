"""A document as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from html import escape

from noria.plots.document import Block, Cell, Document, Drawings, Pairs, Paragraph, Section, Table, Tile
from noria.plots.figure import PLOT_CSS

__all__ = ["write"]

_LIGHT = (
    "--ground:#f6f7f8;--surface:#fff;--sunken:#eff2f4;--line:#e1e6ea;--ink:#15212b;--muted:#5a6874;--faint:#8593a0;"
    "--accent:#0a6a8a;--good:#18794a;--good-soft:#e2f4ea;--bad:#b3261e;--bad-soft:#fce8e6;"
)
_DARK = (
    "--ground:#0f151a;--surface:#161e25;--sunken:#1c262e;--line:#27323b;--ink:#e5ebef;--muted:#9aa9b5;--faint:#71818e;"
    "--accent:#5db8d6;--good:#5fc592;--good-soft:#12301f;--bad:#f2867d;--bad-soft:#3b1714;"
)
_CSS = (
    f":root{{color-scheme:light dark;{_LIGHT}}}@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    """
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue","Noto Sans",Arial,sans-serif}
main{max-width:72rem;margin:0 auto;padding:2.2rem clamp(1rem,3vw,2.4rem) 4rem}
h1{font-size:1.7rem;letter-spacing:-.015em;margin:0;line-height:1.2}
h2{font-size:1.06rem;margin:0 0 .7rem}
p{margin:0 0 .7rem;max-width:80ch}
.sub{color:var(--muted);margin:.25rem 0 1.5rem;font-size:.92rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1px;background:var(--line);
border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 1.4rem}
.tile{background:var(--surface);padding:.8rem 1rem}
.tile dt{color:var(--muted);font-size:.8rem}
.tile dd{margin:0;font-size:1.35rem;font-weight:620;letter-spacing:-.01em;overflow-wrap:anywhere}
.tile small{display:block;font-size:.8rem;font-weight:400;color:var(--muted);letter-spacing:0}
section,details{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.25rem;
margin:0 0 1rem}
summary{cursor:pointer;font-weight:620}
details[open]>summary{margin-bottom:.8rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums;margin:0 0 .4rem}
th{text-align:left;font-weight:550;color:var(--muted);font-size:.8rem;padding:.3rem .9rem .3rem 0;
border-bottom:1px solid var(--faint);white-space:nowrap}
td{padding:.42rem .9rem .42rem 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td{border-bottom:0}
.n{text-align:right;white-space:nowrap}
.muted{color:var(--muted)}td.muted:last-child:not(.n){min-width:11rem}.strong{font-weight:620}
.good{color:var(--good)}.bad{color:var(--bad)}
td.good,td.bad{font-weight:600;white-space:nowrap}
p.bad{border-left:3px solid var(--bad);background:var(--bad-soft);padding:.5rem .8rem;border-radius:0 8px 8px 0}
dl.pairs{display:grid;grid-template-columns:fit-content(14rem) minmax(0,1fr);gap:.3rem 1.2rem;margin:0 0 .4rem;
font-size:.92rem}
.pairs dt{color:var(--muted)}.pairs dd{margin:0;overflow-wrap:anywhere}
.plots{display:flex;flex-wrap:wrap;gap:1.6rem 2.2rem;align-items:flex-start;margin:.3rem 0 .9rem}
.plots figure{margin:0;max-width:100%}
footer{color:var(--faint);font-size:.82rem;margin-top:1.5rem}
@media print{body{background:#fff}section,details{break-inside:avoid}}
"""
)


def write(document: Document) -> str:
    """Write a document as HTML.

    Parameters
    ----------
    document : Document
        Every text in it is escaped here.
    """
    body = "".join(_section(section) for section in document.sections)
    tiles = "".join(_tile(tile) for tile in document.tiles)
    title = escape(document.title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title} · noria</title><style>{_CSS}{PLOT_CSS}</style></head>\n<body><main>"
        f'<h1>{title}</h1><p class="sub">{escape(document.subtitle)}</p><dl class="tiles">{tiles}</dl>\n'
        f"{body}<footer>Made by noria. This file needs no network and runs no script.</footer></main></body></html>\n"
    )


def _tile(tile: Tile) -> str:
    note = f"<small>{escape(tile.note)}</small>" if tile.note else ""
    kind = f' class="{tile.kind}"' if tile.kind else ""
    return f'<div class="tile"><dt>{escape(tile.title)}</dt><dd{kind}>{escape(tile.value)}{note}</dd></div>'


def _section(section: Section) -> str:
    inside = "".join(_block(block) for block in section.blocks)
    if section.folded:
        return f"<details><summary>{escape(section.title)}</summary>{inside}</details>\n"
    return f"<section><h2>{escape(section.title)}</h2>{inside}</section>\n"


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Pairs):
        pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in block.pairs)
        return f'<dl class="pairs">{pairs}</dl>'
    if isinstance(block, Drawings):
        drawn = "".join(f"<figure>{figure.svg}</figure>" for figure in block.figures)
        return f'<div class="plots">{drawn}</div>'
    return _paragraph(block)


def _paragraph(paragraph: Paragraph) -> str:
    kind = f' class="{paragraph.kind}"' if paragraph.kind else ""
    return f"<p{kind}>{escape(paragraph.text)}</p>"


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{" class=n" if column.right else ""}>{escape(column.title)}</th>' for column in table.columns
    )
    rows = "".join(
        "<tr>" + "".join(_cell(cell, column.right) for cell, column in zip(row, table.columns, strict=True)) + "</tr>"
        for row in table.rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: Cell, right: bool) -> str:
    kinds = " ".join(part for part in ("n" if right else "", cell.kind) if part)
    named = f' class="{kinds}"' if kinds else ""
    return f"<td{named}>{escape(cell.text)}</td>"
