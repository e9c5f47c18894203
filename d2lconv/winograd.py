"""A 3x3 layer as sixteen or thirty-six 1x1 layers, one for each place in a transformed tile.

Source: S. Winograd (1980); A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks (2016).
"""

from math import ceil

import torch
from torch import Tensor

from d2lconv.contraction import add_border, windows
from d2lconv.corr import corr2d_multi_in_out
from d2lconv.runtime import autocast_off
from d2lconv.validation import shapes

TRANSFORM_COST = 80  # to transform one number, which is read and written, takes as long as so many multiply-adds
TILES = 512  # at a time: enough columns for a matrix product, few enough for a cache


@shapes(X="c_i h w", K="c_o c_i k_h k_w", returns="c_o h_out w_out")
def corr2d_multi_in_out_3x3(X: Tensor, K: Tensor) -> Tensor:
    """Apply 3x3 kernels with fewer multiplications, where `tile_size` expects that to be faster.

    Shapes: ``(c_i, h, w), (c_o, c_i, 3, 3) -> (c_o, h - 2, w - 2)``. For float32 and float64; other dtypes
    go the ordinary way: halves would round integers, and half types must be summed in float32.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> X, K = torch.ones(128, 34, 34), torch.ones(128, 128, 3, 3)
    >>> tile_size(X, K), corr2d_multi_in_out_3x3(X, K).shape
    (4, torch.Size([128, 32, 32]))

    Source: Lavin and Gray (2016), section 4.
    """
    if K.shape[2:] != (3, 3):
        raise ValueError(f"K must be (c_o, c_i, 3, 3), but is {tuple(K.shape)}: take corr2d_multi_in_out.")
    m = tile_size(X, K)
    return corr2d_multi_in_out(X, K) if m == 1 else in_tiles(X, K, m)


def tile_size(X: Tensor, K: Tensor) -> int:
    """Choose 4x4 or 2x2 outputs a tile, or the ordinary way (1), by the least work."""
    if X.dtype not in (torch.float32, torch.float64):
        return 1
    c_o, c_i, *_ = K.shape
    h_out = X.shape[1] - 2
    w_out = X.shape[2] - 2
    work = {1: 9 * c_o * c_i * h_out * w_out}
    for m in (2, 4):
        places = (m + 2)**2
        tiles = ceil(h_out / m) * ceil(w_out / m)
        products = c_o * c_i * tiles
        transformed = c_o * c_i + c_i * tiles + c_o * tiles
        work[m] = places * (products + TRANSFORM_COST * transformed)
    return min(work, key=work.__getitem__)


def in_tiles(X: Tensor, K: Tensor, m: int) -> Tensor:
    """Compute F(m x m, 3x3): m x m outputs from each tile of m + 2 pixels a side, in p rows of q tiles."""
    t = m + 2
    c_o, c_i, *_ = K.shape
    h_out = X.shape[1] - 2
    w_out = X.shape[2] - 2
    A_T, G, B_T = (matrix.to(X) for matrix in TRANSFORMS[m])
    bottom = -h_out % m
    right = -w_out % m
    X = add_border(X, ((0, bottom), (0, right)))
    tiles = windows(X, (t, t), (m, m))  # c_i, p, q, t, t
    tiles = tiles.permute(3, 4, 0, 1, 2)
    *_, p, q = tiles.shape
    results = []
    with autocast_off(X.device.type):
        kernels = K.permute(2, 3, 0, 1).reshape(9, -1)
        kernels = G @ kernels
        kernels = kernels.unflatten(1, (c_o, c_i))
        for rows in tiles.split(ceil(TILES / q), dim=3):
            pixels = rows.reshape(t * t, -1)
            pixels = B_T @ pixels
            pixels = pixels.unflatten(1, (c_i, -1))
            products = torch.bmm(kernels, pixels)  # t * t layers of 1x1
            Y = A_T @ products.flatten(1)
            Y = Y.reshape(m, m, c_o, -1, q)
            results.append(Y.permute(2, 3, 0, 4, 1))  # c_o, p, m, q, m
    Y = torch.cat(results, dim=1)
    Y = Y.reshape(c_o, p * m, q * m)
    return Y[:, :h_out, :w_out].contiguous()


def transforms(m: int) -> tuple[Tensor, ...]:
    """Return the matrices of ``Y = A.T [(G k G.T) * (B.T d B)] A``, for kernels and tiles that are written as columns.

    To multiply polynomials is to evaluate both (A and G), to multiply the values, and to interpolate (B); a
    correlation is the transpose of that. Lavin and Gray's matrices differ in factors of rows, which cancel.
    """
    t = m + 2
    A = values(m, t)
    G = values(3, t)
    B = values(t, t).inverse()
    return tuple(torch.kron(M, M) for M in (A.T, G, B.T))  # kron(G, G) @ k is G k G.T, as a column


def values(n: int, t: int) -> Tensor:
    """Evaluate polynomials with n coefficients at t points, through which they will be multiplied."""
    points = [0, 1, -1, 2, -2][:t - 1]
    exact = torch.tensor(points, dtype=torch.float64, device="cpu")
    finite = torch.vander(exact, n, increasing=True)
    infinity = torch.eye(n, dtype=torch.float64, device="cpu")[-1:]  # where the last coefficient decides
    return torch.cat([finite, infinity])


TRANSFORMS = {m: transforms(m) for m in (2, 4)}
