"""The pictures of docs/performance.md, from the results; made to be read in grey too.

    python -m benchmarks.plot

runs where matplotlib is installed, and writes the files.
"""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]
from matplotlib import pyplot as plt  # type: ignore[import-not-found, unused-ignore]

from benchmarks.contestants import OURS, TITLES
from benchmarks.estates import ESTATES, TIMES
from benchmarks.measure import ROOT, Measurement
from benchmarks.quota import MIB_PER_CORE
from benchmarks.render import bound, gigabyte_seconds, ranked, seconds, times
from benchmarks.results import PATH, Results, read

ESTATES_SHOWN: Final = ("small", "skewed", "large", "faulty")
OURS_COLOUR, COLOUR, LOST_COLOUR = "#0b4f8a", "#9aa5b1", "#ffffff"
LIMIT_COLOUR: Final = "#c2410c"
_STYLES: Final = {"function": "o-", "threads": "s--", "recipe": "^:"}


def main() -> None:
    """Write the pictures."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.6})
    results = read(PATH.read_text("utf-8"))
    for name, figure in (("performance", makespans(results)), ("performance-lambda", functions(results))):
        figure.savefig(ROOT / "docs" / f"{name}.png", dpi=150, bbox_inches="tight")


def makespans(results: Results) -> Any:
    """Draw how long each contestant takes for each estate, beside the limit."""
    shown = [(name, measurements) for name in ESTATES_SHOWN if (measurements := ranked(results.of(name)))]
    heights = [len(measurements) + 1 for _, measurements in shown]
    figure, grid = plt.subplots(
        len(shown), 1, figsize=(9, 0.32 * sum(heights)), sharex=True, height_ratios=heights, squeeze=False
    )
    axes = grid[:, 0]
    for axis, (name, measurements) in zip(axes, shown, strict=True):
        _bars(axis, measurements)
        axis.set_title(ESTATES[name].title, loc="left", fontweight="bold")
    axes[-1].set_xscale("log")
    axes[-1].set_xlim(0.4, 6000)
    axes[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,g} s")
    axes[-1].set_xlabel("seconds until the last snapshot was started (logarithmic)")
    axes[0].legend(handles=_legend(), loc="upper right", frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def _bars(axis: Any, measurements: Sequence[Measurement]) -> None:
    for row, m in enumerate(measurements):
        whole = not m.missing and not m.doubled
        colour = OURS_COLOUR if m.case.contestant == OURS else COLOUR if whole else LOST_COLOUR
        axis.barh(row, m.started, color=colour, edgecolor="#4b5563", linewidth=0.8, hatch=None if whole else "////")
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        place = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
        axis.annotate(_label(m), (m.started, row), fontsize=8, bbox=paper, **place)
    axis.axvline(bound(measurements[0]).both_buckets, color=LIMIT_COLOUR, linewidth=1.5, linestyle=(0, (4, 2)))
    axis.set_yticks(range(len(measurements)), [TITLES[m.case.contestant] for m in measurements])
    for tick, m in zip(axis.get_yticklabels(), measurements, strict=True):
        tick.set_fontweight("bold" if m.case.contestant == OURS else "normal")
    axis.invert_yaxis()


def _label(m: Measurement) -> str:
    lost = [f"{count:,} {what}" for count, what in ((m.missing, "missing"), (m.doubled, "doubled")) if count]
    return " · ".join([f"{seconds(m.started)}, {times(m)} {TIMES}", *lost])


def _legend() -> list[Any]:
    patch, line = mpl.patches.Patch, mpl.lines.Line2D
    return [
        line([], [], color=LIMIT_COLOUR, linewidth=1.5, linestyle=(0, (4, 2)), label="limit by EC2's request rates"),
        patch(facecolor=OURS_COLOUR, edgecolor="#4b5563", label="this module"),
        patch(facecolor=COLOUR, edgecolor="#4b5563", label="others"),
        patch(facecolor=LOST_COLOUR, edgecolor="#4b5563", hatch="////", label="missing or doubled snapshots"),
    ]


def functions(results: Results) -> Any:
    """Draw what the memory size of a Lambda function does to time and cost."""
    figure, (time, cost) = plt.subplots(1, 2, figsize=(9, 3.2))
    all_sizes = sorted({m.case.memory_mib for m in results.sized("small") if m.case.memory_mib})
    for name, style in _STYLES.items():
        chosen = [m for m in results.sized("small") if m.case.contestant == name]
        sizes = [m.case.memory_mib for m in chosen]
        look = {"color": OURS_COLOUR if name == OURS else "#6b7280", "label": TITLES[name]}
        time.plot(sizes, [m.whole for m in chosen], style, **look)
        cost.plot(sizes, [gigabyte_seconds(m) for m in chosen], style, **look)
    for axis, title in ((time, "seconds, start included"), (cost, "GB-seconds billed")):
        axis.set_title(title, loc="left", fontweight="bold")
        axis.set_xscale("log", base=2)
        axis.set_xticks(all_sizes, [f"{size:,}" for size in all_sizes])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"memory size in MB ({MIB_PER_CORE:,} = one core)")
    time.legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
