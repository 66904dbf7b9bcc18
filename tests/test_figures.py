"""The pictures: Chinese is drawn, scales are fixed."""

import warnings

import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot as plt

from parts.figures import attention_map, loss_curves, probability_bars


def test_every_glyph_is_there():
    figure, axes = plt.subplots(1, 3)
    attention_map(axes[0], np.eye(3), ["酒", "店", "[MASK]"], "谁看谁")
    loss_curves(axes[1], {"训练": ([0, 1], [2.0, 1.0], "k")}, {"均匀 ln V": 3.0}, "步")
    probability_bars(axes[2], [0.7, 0.3], ["好", "−1 × ≤ …"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that no font has
        figure.canvas.draw()
    plt.close(figure)


def test_visible_has_one_colour():
    figure, axes = plt.subplots()
    attention_map(axes, np.ones((2, 2)), ["a", "b"])
    assert axes.images[0].get_clim() == (0, 1)
    plt.close(figure)
