"""Drawings: small SVG pictures that need no library, no script and no style sheet.

Colours are custom properties with a fallback (``--crm-1`` …), so that a page around them can change them; texts take
the colour and the font of what is around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crmkit.kernel.render import escape_html

WIDTH = 400  # of the coordinates: on a telephone a letter is then about three quarters of its size
LABELS = 76  # what the names of rows may take
LINE = 30
FIRST = "var(--crm-1,#2a6f8e)"
SECOND = "var(--crm-2,#d98032)"
GOOD = "var(--crm-good,#3c8a5b)"
BAD = "var(--crm-bad,#b8463f)"
QUIET = "var(--crm-quiet,#8a8f98)"


def bars(rows: Sequence[tuple[str, float, str]], *, title: str, colour: str = FIRST) -> str:
    """Draw horizontal bars.

    Args:
        rows: label, length (0 and more) and the text behind the bar.
        title: what is seen, for those who cannot see it.
        colour: of the bars.

    Example:
        >>> bars([("new", 3, "3 leads")], title="Leads").count("<rect")
        1
    """
    longest = max([value for _, value, _ in rows], default=0) or 1
    parts = []
    for index, (label, value, text) in enumerate(rows):
        y = index * LINE
        length = (WIDTH - 212) * value / longest
        parts += [
            _text(118, y + 19, label, anchor="end", size=12),
            _rect(126, y + 5, max(length, 1), 20, colour),
            _text(132 + length, y + 19, text, colour=QUIET, size=12),
        ]
    return _svg(parts, height=max(len(rows), 1) * LINE, title=title)


def columns(rows: Sequence[tuple[str, float]], *, title: str, texts: Sequence[str] = (), colour: str = FIRST) -> str:
    """Draw upright columns, as for months; negative values hang down.

    Args:
        rows: label and height.
        title: what is seen.
        texts: what stands at each column; nothing unless given.
        colour: of the columns.
    """
    top = max([value for _, value in rows] + [0.0])
    bottom = min([value for _, value in rows] + [0.0])
    scale = 190 / ((top - bottom) or 1)
    zero = 20 + top * scale
    step = WIDTH / max(len(rows), 1)
    every = 1 + (len(rows) - 1) // 14  # so many labels fit side by side
    parts = []
    for index, (label, value) in enumerate(rows):
        height = abs(value) * scale
        x = index * step + step * 0.14
        y = zero - height if value >= 0 else zero
        tip = f"{label}: {value:,.0f}"
        parts.append(_rect(x, y, step * 0.72, max(height, 1), colour if value >= 0 else BAD, tip=tip))
        if index % every == 0:
            parts.append(_text(x + step * 0.36, 232, label, anchor="middle", colour=QUIET, size=11))
        if texts and every == 1:
            parts.append(_text(x + step * 0.36, y - 5, texts[index], anchor="middle", size=11))
    return _svg(parts, height=240, title=title)


def steps(rows: Sequence[tuple[str, float, str]], *, title: str) -> str:
    """Draw a waterfall: the first and the last row stand on the ground, those between them hang on the one before.

    Args:
        rows: label, value (a level for the first and the last, a change for the others) and the text.
        title: what is seen.
    """
    level, spans = 0.0, []
    for index, (_, value, _) in enumerate(rows):
        grounded = index in {0, len(rows) - 1}
        before, level = (0.0, value) if grounded else (level, level + value)
        spans.append((before, level, FIRST if grounded else GOOD if value >= 0 else BAD))
    top, bottom = max([0.0, *(max(s[:2]) for s in spans)]), min([0.0, *(min(s[:2]) for s in spans)])
    scale, step = 180 / ((top - bottom) or 1), WIDTH / max(len(rows), 1)
    parts = []
    for index, ((label, _, text), (low, high, colour)) in enumerate(zip(rows, spans, strict=True)):
        x, y = index * step, 24 + (top - max(low, high)) * scale
        parts += [
            _rect(x + step * 0.1, y, step * 0.8, max(abs(high - low) * scale, 1), colour),
            _text(x + step / 2, y - 6, text, anchor="middle", size=11),
            *_lines(x + step / 2, label),
        ]
    return _svg(parts, height=256, title=title)


def heatmap(
    rows: Sequence[tuple[str, Sequence[float | None]]],
    *,
    heads: Sequence[str],
    title: str,
    texts: Callable[[float], str] = lambda share: f"{share * 100:.0f}",
) -> str:
    """Draw a table whose cells are the darker the larger the share is.

    Args:
        rows: label and shares from 0 to 1; a missing one leaves a gap.
        heads: what stands above the columns.
        title: what is seen.
        texts: how a share is written; in per cent unless given.
    """
    width = (WIDTH - LABELS) / max(len(heads), 1)
    parts = [
        _text(LABELS + (i + 0.5) * width, 16, head, anchor="middle", colour=QUIET, size=11)
        for i, head in enumerate(heads)
    ]
    for index, (label, shares) in enumerate(rows):
        y = 24 + index * 26
        parts.append(_text(LABELS - 6, y + 16, label, anchor="end", size=11))
        for column, share in enumerate(shares):
            if share is None:
                continue
            x = LABELS + column * width
            parts += [
                _rect(x, y, width - 2, 23, FIRST, opacity=0.08 + 0.92 * min(max(share, 0), 1)),
                _text(
                    x + width / 2 - 1,
                    y + 16,
                    texts(share),
                    anchor="middle",
                    colour="#fff" if share > 0.45 else "currentColor",
                    size=11,
                ),
            ]
    return _svg(parts, height=28 + len(rows) * 26, title=title)


def figure(svg: str, table: str) -> str:
    """A drawing and the table with its numbers, as a notebook shows them."""
    return f"<figure>{svg}{table}</figure>"


def short(value: float) -> str:
    """A number with few letters.

    Example:
        >>> short(950), short(12_345), short(-2_500_000)
        ('950', '12k', '-2.5M')
    """
    size = abs(value)
    if size >= 1_000_000:
        return f"{value / 1_000_000:.1f}M"
    if size >= 10_000:
        return f"{value / 1_000:.0f}k"
    return f"{value / 1_000:.1f}k" if size >= 1_000 else f"{value:.0f}"


def _svg(parts: Sequence[str], *, height: float, title: str) -> str:
    label = escape_html(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(height)}" role="img" aria-label="{label}" '
        f'font-family="inherit" font-size="13" style="max-width:100%;height:auto">{"".join(parts)}</svg>'
    )


def _lines(x: float, label: str) -> list[str]:
    """A label of several words below a column, one word a line."""
    words = label.split()[:3]
    return [_text(x, 222 + 13 * n, word, anchor="middle", colour=QUIET, size=11) for n, word in enumerate(words)]


def _rect(
    x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1, tip: str | None = None
) -> str:
    faint = "" if opacity == 1 else f' fill-opacity="{_n(opacity)}"'
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    shape = f'<rect {place} rx="3" fill="{colour}"{faint}'
    return f"{shape}/>" if tip is None else f"{shape}><title>{escape_html(tip)}</title></rect>"


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = "currentColor", size: int | None = None
) -> str:
    sized = "" if size is None else f' font-size="{size}"'
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" fill="{colour}"{sized}>{escape_html(text)}</text>'


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
