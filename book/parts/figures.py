"""Figures: one font, one palette, and the pictures that chapters share."""

import importlib.util
from pathlib import Path

from matplotlib import font_manager
from matplotlib import pyplot as plt

# Okabe & Ito's colours, told apart with any colour vision: one for each road, in every chapter
GPT, BERT, T5, BASELINE = "#0072B2", "#D55E00", "#009E73", "#767676"

_fonts = Path(importlib.util.find_spec("zhplot").origin).parent / "fonts"
font_manager.fontManager.addfont(_fonts / "NotoSansSC-Regular.ttf")
plt.rcParams.update(
    {
        "font.family": ["Noto Sans SC", "DejaVu Sans"],
        "font.size": 11,
        "axes.unicode_minus": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 110,
        "figure.constrained_layout.use": True,
    }
)


def attention_map(axes, weights, tokens, title=""):
    """weights: (T, T), row = who looks, column = who is looked at, one colour scale from 0 to 1."""
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(tokens)), tokens)
    axes.set_yticks(range(len(tokens)), tokens)
    axes.set(xlabel="被看的位置", ylabel="在看的位置", title=title)
    axes.spines[:].set_visible(False)


def loss_curves(axes, curves, baselines, xlabel, ylabel="验证集，奈特/字"):
    """curves: {label: (xs, ys, colour)}; baselines: {label: y}, dashed lines with their names."""
    for label, (xs, ys, colour) in curves.items():
        axes.plot(xs, ys, "o-", color=colour, markersize=3, label=label)
    for label, y in baselines.items():
        axes.axhline(y, color=BASELINE, linestyle="--", linewidth=1)
        beside = ("axes fraction", "data")
        axes.annotate(f" {label} {y:.2f}", (1, y), xycoords=beside, va="center")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False)


def probability_bars(axes, probabilities, labels, colour=GPT, title=""):
    """Horizontal bars, likeliest on top, each with its percentage."""
    bars = axes.barh(range(len(labels)), probabilities, color=colour)
    axes.bar_label(bars, [f"{p:.0%}" if p else "" for p in probabilities], padding=3)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set(xlabel="概率", title=title, xlim=(0, max(probabilities) * 1.2))
