"""`d2lconv.winograd`: 3x3 layers with fewer multiplications, against the oracle, by norms."""

import pytest
import torch

from d2lconv import conv2d, corr2d_multi_in_out, default_device
from d2lconv.winograd import corr2d_multi_in_out_3x3, in_tiles, tile_size
from oracles import plain_conv2d, wide

SIZES = [(1, 1, 3, 3), (3, 5, 5, 7), (2, 4, 4, 3), (5, 2, 9, 14), (8, 3, 40, 61)]  # c_i, c_o, h, w
THIN, LARGE, SMALL = (256, 256, 4, 1026), (64, 64, 58, 58), (3, 16, 30, 30)


def draw(c_i, c_o, h, w, dtype=torch.float64):
    g = torch.Generator("cpu").manual_seed(h)
    X, K = torch.randn(c_i, h, w, generator=g), torch.randn(c_o, c_i, 3, 3, generator=g)
    return X.to(default_device(), dtype), K.to(default_device(), dtype)


def integers(c_i, c_o, h, w, dtype=torch.float32):
    g = torch.Generator("cpu").manual_seed(h)
    X, K = (torch.randint(-9, 10, size, generator=g) for size in ((c_i, h, w), (c_o, c_i, 3, 3)))
    return X.to(default_device(), dtype), K.to(default_device(), dtype)


def error(Y, X, K):
    """The distance from the oracle, by norms, in units of the roundoff: single elements may be farther off."""
    expected = plain_conv2d(X[None], K)[0]
    assert (Y.shape, Y.dtype, Y.device) == (expected.shape, X.dtype, X.device)
    return float((wide(Y) - expected).norm() / expected.norm()) / torch.finfo(X.dtype).eps


@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_tiles_give_what_the_oracle_gives_at_every_size(size, dtype, m):
    X, K = draw(*size, dtype)
    assert error(in_tiles(X, K, m), X, K) < 40


@pytest.mark.parametrize(("size", "m"), [(THIN, 2), (LARGE, 4), (SMALL, 1)])
def test_each_way_is_chosen_somewhere_and_right(size, m):
    X, K = draw(*size, torch.float32)
    assert tile_size(X, K) == m
    assert error(corr2d_multi_in_out_3x3(X, K), X, K) < 40


@pytest.mark.parametrize(("size", "m"), [((256, 256, 58, 13), 4), ((96, 128, 30, 30), 1), ((256, 64, 18, 58), 4)])
def test_where_two_ways_are_close_the_count_of_their_work_decides(size, m):
    assert tile_size(*draw(*size, torch.float32)) == m


@pytest.mark.parametrize("tiles", [1, 8])  # a row of tiles each, and two
def test_many_strips_of_tiles_are_put_together_in_order(tiles, monkeypatch):
    X, K = draw(2, 3, 23, 18)
    whole = in_tiles(X, K, 4)
    monkeypatch.setattr("d2lconv.winograd.TILES", tiles)
    assert torch.allclose(in_tiles(X, K, 4), whole, rtol=1e-12, atol=1e-12)


def test_tiles_of_2x2_outputs_are_exact_for_small_integers_and_those_of_4x4_are_not():
    X, K = integers(64, 8, 30, 30)
    exact = conv2d(X, K)
    assert torch.equal(in_tiles(X, K, 2), exact)
    assert not torch.equal(in_tiles(X, K, 4), exact)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.complex64])
def test_other_dtypes_go_the_ordinary_way(dtype):
    X, K = integers(*LARGE)
    assert tile_size(X, K) == 4
    X, K = X.to(dtype), K.to(dtype)
    assert tile_size(X, K) == 1
    X = X[:, :5, :5]
    assert torch.equal(corr2d_multi_in_out_3x3(X, K), corr2d_multi_in_out(X, K))


@pytest.mark.parametrize("m", [2, 4])
def test_nan_spreads_over_the_tiles_that_read_it_and_no_farther(m):
    X, K = draw(2, 3, 18, 18)
    X[1, 0, 5] = float("nan")
    first = (5 - 2) // m * m  # of the columns in tiles that read column 5
    expected = torch.zeros(16, 16, dtype=torch.bool, device=X.device)
    expected[:m, first:5 // m * m + m] = True
    assert torch.equal(in_tiles(X, K, m).isnan(), expected.expand(3, -1, -1))
    assert conv2d(X, K)[0].isnan().sum() == 3


@pytest.mark.parametrize("m", [2, 4])
def test_gradients_and_second_gradients_agree_with_differences(m):
    X, K = (t.requires_grad_() for t in draw(1, 2, 4, 5))
    assert torch.autograd.gradcheck(in_tiles, (X, K, m))
    assert torch.autograd.gradgradcheck(in_tiles, (X, K, m))


def test_vmap_runs_it_on_a_batch():
    X, K = draw(2, 3, 9, 9)
    batch = torch.stack([X, X + 1])
    together = torch.vmap(lambda X: in_tiles(X, K, 2))(batch)
    assert torch.allclose(together, conv2d(batch, K), rtol=1e-12, atol=1e-12)


def test_autocast_does_not_round():
    X, K = draw(64, 64, 30, 30, torch.float32)
    with torch.autocast(X.device.type, dtype=torch.bfloat16):
        Y = in_tiles(X, K, 4)
    assert error(Y, X, K) < 40


def test_neither_image_nor_kernel_is_changed():
    X, K = draw(3, 5, 9, 9)
    before = X.clone(), K.clone()
    in_tiles(X, K, 4)
    assert torch.equal(X, before[0])
    assert torch.equal(K, before[1])


def test_another_kernel_size_is_refused_in_words():
    message = r"K must be \(c_o, c_i, 3, 3\), but is \(4, 2, 3, 2\): take corr2d_multi_in_out\."
    with pytest.raises(ValueError, match=message):
        corr2d_multi_in_out_3x3(torch.ones(2, 9, 9), torch.ones(4, 2, 3, 2))


@pytest.mark.parametrize(("X", "K", "error"), [
    (torch.ones(3, 9, 9), torch.ones(4, 2, 3, 3), ValueError),
    (torch.ones(1, 2, 9, 9), torch.ones(4, 2, 3, 3), ValueError),
    (torch.ones(2, 2, 9), torch.ones(4, 2, 3, 3), ValueError),
    (torch.ones(32, 58, 58), torch.ones(64, 64, 3, 3), ValueError),  # which would go in tiles
    (torch.ones(2, 9, 9), torch.ones(4, 2, 3, 3).double(), TypeError)])
def test_what_does_not_fit_is_refused_as_everywhere(X, K, error):
    with pytest.raises(error):
        corr2d_multi_in_out_3x3(X, K)


def test_conv2d_never_takes_it_by_itself(monkeypatch):
    monkeypatch.setattr("d2lconv.winograd.in_tiles", None)
    X, K = draw(*LARGE, torch.float32)
    assert error(conv2d(X, K), X, K) < 40


def test_a_call_in_inference_mode_leaves_nothing_behind():
    X, K = torch.ones(2, 8, 8, dtype=torch.float64), torch.ones(3, 2, 3, 3, dtype=torch.float64)
    with torch.inference_mode():
        in_tiles(X, K, 4)
    in_tiles(X.requires_grad_(), K, 4).sum().backward()
    assert X.grad.isfinite().all()
