"""What a user with a strict type checker may write: tests/test_types.py runs it, and has it checked."""

import torch

import d2lconv as d2l
from d2lconv import exercises

X, K = torch.ones(4, 5, 5), torch.ones(6, 4, 2, 2)
Y: torch.Tensor = d2l.corr2d_multi_in_out(X, K=K)
y: torch.Tensor = d2l.loops.corr2d(X[0], K[0, 0])
Y = d2l.conv2d(X, K, bias=None, stride=(1, 2), padding="same" if y.ndim == 1 else 1, groups=1)


@d2l.shapes(X="c_i h w", K="c_i k_h k_w")
def own(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    return X[:, :1, :1] * K


Y = own(X, K[0])

layer = d2l.Conv2d(4, 6, kernel_size=(2, 3), groups=2, dtype=torch.float64, device="cpu")
weight: torch.Tensor = layer.weight

cost = d2l.conv2d_cost(X.shape, (6, 4, 2, 2))
macs: int = cost.macs
size: tuple[int, ...] = cost.output_shape

lines: list[str] = d2l.explain(X, K, at=(0, 0, 0)).lines()
page: str = d2l.explore(X, K, padding=1).shapes()
image: bytes = d2l.draw(X, K, at=(0, 1, 1), stride=2).png()
image = d2l.draw_stacks([(3, 64, 64), "->", (5, 63, 63)]).png()

advice: str = d2l.summary(layer, X).advice
parameters: int = d2l.summary(layer, (X,)).rows[0].parameters

report: exercises.Report = exercises.check_corr2d(d2l.loops.corr2d)
passed: bool = report.passed

with d2l.exact_float32():
    Y = Y.to(d2l.default_device())


@d2l.exact_float32()
def exact(image: torch.Tensor) -> torch.Tensor:
    return image + 1


Y = exact(Y)
