"""One page of a run's report, with its charts, that needs no network to be looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from orderloom.errors import LanguageError
from orderloom.report.performance import profit_drawdowns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderloom.report.performance import Performance

_POINTS_MAX: Final = 5_000
_UP, _DOWN, _LINE = "#2a9d5c", "#c8453b", "#2f5d8a"
_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color: #222; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; white-space: nowrap }
th { font-weight: 600; border-bottom: 1px solid #bbb }
th.word, td.word { text-align: left }
.wide { overflow-x: auto }
"""


def page(performance: Performance, title: str, figures: Sequence[tuple[str, str]]) -> str:
    """The page as HTML; `figures` are told first, by name.

    Raises:
        LanguageError: plotly is not installed.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        table(["figure", "value"], figures),
        *_charts(performance),
    ]
    for name, groups in performance.groups.items():
        rows = [
            [
                key,
                each.trades,
                each.won,
                each.pnl,
                each.commission,
                each.average,
                each.profit_factor,
            ]
            for key, each in groups.items()
        ]
        if len(rows) > 1:
            columns = [name, "trades", "won", "P&L", "fees", "average", "factor"]
            parts += [f"<h2>By {escape(name)}</h2>", table(columns, rows)]
    trips = performance.account.trips
    if trips:
        columns = ["symbol", "side", "rule", "exit", "shares", "legs", "in", "out", "P&L", "fees",
                   "opened", "closed"]  # fmt: skip
        rows = [
            [
                trip.symbol, trip.side, trip.rule, trip.exit_reason, float(trip.quantity),
                trip.tranches, float(trip.entry_price), float(trip.exit_price), float(trip.pnl),
                float(trip.commission), trip.opened_at[:19].replace("T", " "),
                trip.closed_at[:19].replace("T", " "),
            ]
            for trip in trips
        ]  # fmt: skip
        parts += ["<h2>Trades</h2>", table(columns, rows)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as HTML: texts stand left, numbers right."""
    is_word = [all(isinstance(row[place], str) for row in rows) for place in range(len(columns))]
    kinds = [' class="word"' if each else "" for each in is_word]
    head = "".join(f"<th{k}>{escape(name)}</th>" for k, name in zip(kinds, columns, strict=True))
    lines = [
        "<tr>"
        + "".join(f"<td{k}>{escape(_text(v))}</td>" for k, v in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    ]
    return f'<div class="wide"><table><tr>{head}</tr>\n{chr(10).join(lines)}\n</table></div>'


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1_000 else f"{value:,.2f}"
    return str(value)


def _charts(performance: Performance) -> list[str]:
    try:
        import plotly.graph_objects as go  # noqa: PLC0415 - optional
        from plotly.subplots import make_subplots  # noqa: PLC0415
    except ImportError:
        raise LanguageError(
            "the package `plotly` is not installed",
            "it for `--html`",
            "pip install 'orderloom[report]'",
        ) from None
    points = _thinned(performance.account.profit)
    if not points:
        return []
    times = [_time(at) for at, _ in points]
    below = [-each for each in profit_drawdowns(points)]
    figure = make_subplots(
        rows=3,
        cols=1,
        subplot_titles=("Profit", "Below the highest point", "Profit of each trade"),
        vertical_spacing=0.08,
        row_heights=[0.5, 0.2, 0.3],
        shared_xaxes=True,
    )
    line: dict[str, Any] = {"mode": "lines", "line": {"color": _LINE, "shape": "hv"}}
    figure.add_trace(go.Scatter(x=times, y=[profit for _, profit in points], **line), row=1, col=1)
    fall = {"mode": "lines", "line": {"color": _DOWN, "shape": "hv"}, "fill": "tozeroy"}
    figure.add_trace(go.Scatter(x=times, y=below, **fall), row=2, col=1)
    account = performance.account
    figure.add_trace(
        go.Scatter(
            x=[_time(trade.closed_at) for trade in account.trades],
            y=[trade.pnl for trade in account.trades],
            mode="markers",
            marker={"color": [_UP if trade.pnl > 0 else _DOWN for trade in account.trades]},
            text=[f"{trip.symbol} {trip.side} {trip.exit_reason}" for trip in account.trips],
        ),
        row=3,
        col=1,
    )
    look = {"showlegend": False, "template": "plotly_white", "margin": {"l": 60, "r": 20, "t": 40}}
    figure.update_layout(height=760, **look)
    charts = [figure]
    if len(performance.days) > 1:
        earned = list(performance.days.values())
        colors = [_UP if each > 0 else _DOWN for each in earned]
        bars = go.Bar(x=list(performance.days), y=earned, marker={"color": colors})
        daily = go.Figure(bars)
        daily.update_layout(height=300, title="Profit of each day", **look)
        charts.append(daily)
    return [
        chart.to_html(full_html=False, include_plotlyjs=number == 0)
        for number, chart in enumerate(charts)
    ]


def _time(at: int) -> str:
    # Text without an offset: the axis shows it as it is, in UTC.
    moment = datetime.fromtimestamp(at // 1_000_000_000, tz=UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _thinned(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """So many that a page can draw them, with every part's lowest and highest among them."""
    if len(points) <= _POINTS_MAX:
        return points
    size = -(-len(points) * 2 // _POINTS_MAX)
    kept = []
    for begin in range(0, len(points), size):
        part = points[begin : begin + size]
        ends = {min(part, key=lambda it: it[1]), max(part, key=lambda it: it[1])}
        kept += sorted(ends)
    return [*kept[:-1], points[-1]] if kept[-1][0] == points[-1][0] else [*kept, points[-1]]
