"""Checkers for the exercises: each takes a learner's function, and answers with a `Report` that reads well.

>>> import torch
>>> from d2lconv import exercises
>>> exercises.check_corr2d_multi_in(lambda X, K: ...)
… Not yet. Write corr2d_multi_in(X, K): correlate each channel with its slice of the kernel, and add up.
  Shapes: (c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1).
  Read "Why the sum, and not the mean?"
  https://your_name.github.io/d2lconv/input_channels.html#why-the-sum-and-not-the-mean
"""

import torch

with torch.device("cpu"):  # where the problems are made, whatever the default is
    from d2lconv.exercises import wrong_counts, wrong_kernels, wrong_layers  # noqa: F401  (they register)
    from d2lconv.exercises.counts import (
        check_agree,
        check_backward,
        check_composed_size,
        check_flops,
        check_growth,
        check_macs,
        check_memory,
        check_output_shape,
        check_output_size,
        check_parameters,
        check_separable_ratio,
        check_strip_reads,
        check_strip_width,
    )
    from d2lconv.exercises.kernels import (
        check_as_matrix,
        check_block_diagonal,
        check_channel_shuffle,
        check_compose,
        check_corners,
        check_fold,
        check_grey_kernel,
        check_hwio_to_oihw,
        check_input_gradient,
        check_red_only,
        check_weight_gradient,
    )
    from d2lconv.exercises.layers import (
        check_conv2d,
        check_corr2d,
        check_corr2d_multi_in,
        check_corr2d_multi_in_out,
        check_corr2d_multi_in_out_1x1,
        check_depthwise,
    )
    from d2lconv.exercises.misconceptions import WRONGS, Wrong
    from d2lconv.exercises.report import Finding, Report
    from d2lconv.exercises.task import EXERCISES

__all__ = [
    "EXERCISES", "Finding", "Report",
    "check_agree", "check_as_matrix", "check_backward", "check_block_diagonal", "check_channel_shuffle",
    "check_compose", "check_composed_size", "check_conv2d", "check_corners", "check_corr2d",
    "check_corr2d_multi_in", "check_corr2d_multi_in_out", "check_corr2d_multi_in_out_1x1", "check_depthwise",
    "check_flops", "check_fold", "check_grey_kernel", "check_growth", "check_hwio_to_oihw", "check_input_gradient",
    "check_macs", "check_memory", "check_output_shape", "check_output_size", "check_parameters", "check_red_only",
    "check_separable_ratio", "check_strip_reads", "check_strip_width", "check_weight_gradient",
    "wrong_answers",
]


def wrong_answers(name: str) -> tuple[Wrong, ...]:
    """Return the known wrong answers to an exercise, each with its ``misconception`` and its ``function``.

    >>> wrong_answers("corr2d_multi_in")[0].misconception.name
    'mean instead of sum'
    """
    return tuple(entry for entry in WRONGS if entry.exercise == name)
