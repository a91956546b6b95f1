"""Charts as SVG, drawn on the server: bars of counts by day. Each stands above the table with its figures."""

from collections.abc import Mapping, Sequence

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
