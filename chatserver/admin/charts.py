"""Charts as SVG, drawn on the server: bars by day. Each stands above the table with its figures."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

# Units of the drawing, not pixels.
WIDTH, HEIGHT, GAP, WIDEST = 720.0, 120.0, 2.0, 60.0


class Bar(Struct, frozen=True, kw_only=True):
    """One part of a bar: its series, its place and size in units of the drawing, and what it says."""

    series: str
    x: float
    y: float
    width: float
    height: float
    words: str


def stacked_bars(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> list[Bar]:
    """One bar for each label, of the counts of each series, the first one at the bottom. None where nothing is counted."""
    most = max((sum(each) for each in zip(*series.values(), strict=True)), default=0)
    if not most:
        return []
    bars, step = [], WIDTH / len(labels)
    for index, label in enumerate(labels):
        top = HEIGHT
        for name, counts in series.items():
            height = HEIGHT * counts[index] / most
            top -= height
            if height:
                bars.append(
                    Bar(
                        series=name,
                        x=round(index * step, 2),
                        y=round(top, 2),
                        width=round(min(max(step - GAP, 1.0), WIDEST), 2),
                        height=round(height, 2),
                        words=f"{label}: {counts[index]} {name}",
                    )
                )
    return bars


def grouped_bars(
    labels: Sequence[str], series: Mapping[str, Sequence[Decimal]], words: Callable[[Decimal], str]
) -> list[Bar]:
    """Beside each other the amounts of each series, for each label; `words` says an amount. None where all are 0 or less."""
    most = max((amount for amounts in series.values() for amount in amounts), default=Decimal(0))
    if most <= 0:
        return []
    step = WIDTH / len(labels)
    width = min(max((step - GAP) / len(series), 1.0), WIDEST / len(series))
    return [
        Bar(
            series=name,
            x=round(index * step + place * width, 2),
            y=round(HEIGHT - HEIGHT * float(amounts[index] / most), 2),
            width=round(width, 2),
            height=round(HEIGHT * float(amounts[index] / most), 2),
            words=f"{label}: {name} {words(amounts[index])}",
        )
        for index, label in enumerate(labels)
        for place, (name, amounts) in enumerate(series.items())
        if amounts[index] > 0
    ]
