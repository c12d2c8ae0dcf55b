"""Charts as SVG without text: what they show stands in words beside them.

Sizes are attributes, colours classes: the page's content security policy takes no style attributes.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from .markup import Markup, element

WIDTH = 1000
HEIGHT = 12
TICK_HEIGHT = 40
# What is not zero can be seen, however small its share.
LEAST = 12


def bar(segments: Iterable[tuple[str, int]], whole: int) -> Markup:
    """Return a bar as wide as the whole, filled with segments (a class and a number each) from the left."""
    filled = [(kind, value) for kind, value in segments if value]
    widths = _widths([value / whole for _, value in filled])
    starts = accumulate(widths, initial=0.0)
    rects = [_rect(kind, x, width) for (kind, _), x, width in zip(filled, starts, widths, strict=False)]
    return _svg("bar", HEIGHT, [_rect("track", 0, WIDTH), *rects])


def tick(kind: str, percent: float) -> Markup:
    """Return an upright bar, as high as the percentage."""
    height = max(percent / 100, 0.15) * TICK_HEIGHT
    rect = element("rect", class_=kind, width=WIDTH, height=f"{height:g}", y=f"{TICK_HEIGHT - height:g}")
    return _svg("tick", TICK_HEIGHT, [rect])


def _widths(shares: Sequence[float]) -> list[float]:
    """Return the widths of shares; what the smallest need to be seen is taken from the largest."""
    widths = [max(share * WIDTH, LEAST) for share in shares]
    if (excess := sum(widths) - WIDTH) > 0:
        widths[widths.index(max(widths))] -= excess
    return widths


def _rect(kind: str, x: float, width: float) -> Markup:
    return element("rect", class_=kind, x=f"{x:.1f}", width=f"{width:.1f}", height=HEIGHT)


def _svg(class_: str, height: int, content: Iterable[Markup]) -> Markup:
    return element(
        "svg",
        *content,
        class_=class_,
        viewBox=f"0 0 {WIDTH} {height}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
