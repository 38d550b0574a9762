# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The operators against node equations, finite differences, and each other."""

import numpy as np
import oracle
import pytest
import torch

import aimc.torch  # noqa: F401, registers the operators

OPS = torch.ops.aimc


# Rows, rows, cols, cols, at_row, at_col: two bands of unequal height cut differently, none of them
# at the corner of its tile of 16 rows.
BLOCKS = [(0, 12, 0, 6, 3, 1), (0, 12, 6, 5, 0, 2), (12, 7, 0, 11, 5, 0)]
NUMBERS = [n for b in BLOCKS for n in b]
K, N, TILE, OHM, ADC_OHM = 19, 11, 16, 900.0, 300.0


def weights(dtype=torch.float64, transposed=False):
    w = 0.1 * torch.randn(K, N, dtype=dtype)
    scale = torch.stack([w[:12].abs().amax(0), w[12:].abs().amax(0)]) * 0.93  # the largest clips
    return (w.t().contiguous() if transposed else w), scale


def linear(x, w, scale, gain=None, ranges=None, lsb=None, *, transposed=False, alternating=True,
           dac=2, adc=0, bits=6, op=OPS.tile_linear, ohm=OHM):  # fmt: skip
    return op(x, w, scale, gain, ranges, lsb, NUMBERS, transposed, TILE, ohm, ADC_OHM, alternating,
              0.1, 25.0, 0.2, 1.0, 127, dac, adc, bits)  # fmt: skip


def composite(op):
    """The kernel that devices without one of their own get."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.XPU)
    return lambda *args: op.redispatch(keys, *args)


@pytest.mark.parametrize("alternating", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("adc", ["ideal", "linear", "cco", "clamp"])
def test_tile_linear_is_the_circuit(adc, transposed, alternating):
    w, scale = weights(transposed=transposed)
    x = torch.randn(2, 4, K, dtype=torch.float64)
    gain = 1 + 0.1 * torch.rand_like(scale)
    ranges, lsb = torch.tensor([1.5, 2.0]).double(), torch.tensor([17.0, 15.0, 12.0]).double()
    mode = ["ideal", "linear", "cco", "clamp"].index(adc)
    y, saturated, _ = linear(x, w, scale, gain, ranges, lsb if mode else None, adc=mode,
                             transposed=transposed, alternating=alternating)  # fmt: skip
    plain = w.t() if transposed else w
    expected = oracle.tile_linear(
        x.reshape(-1, K).numpy(), plain.numpy(), scale.numpy(), BLOCKS, tile_rows=TILE, ohm=OHM,
        adc_ohm=ADC_OHM, alternating=alternating, adc=adc, adc_bits=6, ranges=ranges.numpy(),
        lsb=lsb.numpy(), gain=gain.numpy(),
    )  # fmt: skip
    assert y.shape == (2, 4, N)
    np.testing.assert_allclose(y.reshape(-1, N).numpy(), expected, rtol=1e-9, atol=1e-12)
    if mode:
        assert saturated.count_nonzero() > 0  # the case is one where it matters


def test_zero_wire_is_the_product():
    w, scale = weights(torch.float32)
    x = torch.randn(5, K)
    y = OPS.tile_linear(x, w, scale / 0.93, None, None, None, NUMBERS, False, TILE, 0.0, 0.0, False,
                        0.1, 25.0, 0.2, 1.0, 127, 0, 0, 8)[0]  # fmt: skip
    torch.testing.assert_close(y, x @ w, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("adc", [0, 3])
def test_gradients_of_tile_linear(adc, transposed, fixed):
    """Finite differences, rounding left out: its gradient is passed straight through."""
    w, scale = weights(transposed=transposed)
    x = torch.randn(6, K, dtype=torch.float64, requires_grad=True)
    gain = (1 + 0.1 * torch.rand_like(scale)).requires_grad_()
    ranges = torch.tensor([1.2, 1.7]).double().requires_grad_() if fixed else None
    lsb = torch.tensor([17.0, 15.0, 12.0]).double().requires_grad_() if adc else None
    inputs = [x, w.requires_grad_(), scale.requires_grad_(), gain, ranges, lsb]
    dac = 1 if fixed else 0

    def f(*args):
        return linear(*args, transposed=transposed, dac=dac, adc=adc)[0]

    if adc and not fixed:
        # A vector's own range scales its LSB and is a constant to the gradient.
        inputs[0] = x.detach()
    assert torch.autograd.gradcheck(f, inputs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("adc", [0, 1, 2])
@pytest.mark.parametrize("fixed", [False, True])
def test_rounding_passes_straight_through_and_saturation_does_not(adc, fixed):
    w, scale = weights()
    x = torch.randn(6, K, dtype=torch.float64, requires_grad=True)
    ranges = torch.tensor([1.2, 1.7]).double() if fixed else None
    lsb = torch.tensor([17.0, 15.0, 12.0]).double() if adc else None
    y, saturated, folded = linear(x, w, scale, None, ranges, lsb, adc=adc)
    out = torch.randn_like(y)
    y.backward(out)
    expected = torch.zeros_like(x)
    for band, (row, rows) in enumerate([(0, 12), (12, 7)]):
        g = out.clone()
        if adc:
            bits = np.unpackbits(saturated[band].numpy(), axis=1, bitorder="little")[:, :N]
            g[torch.from_numpy(bits).bool()] = 0
        part = g @ folded[row : row + rows].t()
        if fixed:
            part = part * (x[:, row : row + rows].abs() <= ranges[band])
        expected[:, row : row + rows] = part
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.parametrize("adc", [0, 1, 2, 3])
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_other_devices_get_the_same_numbers(transposed, fixed, adc):
    w, scale = weights(torch.float32, transposed)
    x = torch.randn(6, K)
    gain = 1 + 0.1 * torch.rand_like(scale)
    ranges = torch.tensor([1.2, 1.7]) if fixed else None
    lsb = torch.tensor([17.3, 15.1, 12.7]) if adc else None
    args = (x, w, scale, gain, ranges, lsb)
    options = {"transposed": transposed, "adc": adc}
    here, saturated, folded = linear(*args, **options)
    there, _, folded_there = linear(*args, **options, op=composite(OPS.tile_linear.default))
    torch.testing.assert_close(there, here, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(folded_there, folded, rtol=1e-5, atol=1e-7)
    grad = torch.randn_like(here)
    tail = (NUMBERS, transposed, TILE, OHM, ADC_OHM, True, 0.1, 25.0, 0.2, 1.0, 127, 2, adc, 6,
            [True, True, True, True, fixed, adc > 0])  # fmt: skip
    backward = OPS.tile_linear_backward.default
    one = backward(grad, *args, saturated, folded, *tail)
    two = composite(backward)(grad, *args, saturated, folded, *tail)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(b, a, rtol=2e-4, atol=2e-5)


def test_fold_and_its_gradient():
    plus = 0.1 + 24.9 * torch.rand(2, K, N, dtype=torch.float64)
    minus = 0.1 + 24.9 * torch.rand(2, K, N, dtype=torch.float64)
    around = 20 * torch.rand(len(BLOCKS), TILE, 11, dtype=torch.float64)

    def fold(plus, minus, background=None, op=OPS.fold):
        return op(plus, minus, background, NUMBERS, False, TILE, OHM, ADC_OHM, True, 0.2, 0.2)

    weff, t = fold(plus, minus, around)
    index, (row, rows, col, cols, at_row, at_col) = 1, BLOCKS[1]
    for j in range(cols):
        loads = around[index, :, j].numpy().copy()
        loads[at_row : at_row + rows] = (plus + minus)[1, row : row + rows, col + j]
        first = (at_col + j) % 2 == 1
        expected = oracle.transfer(loads[::-1] if first else loads, OHM, ADC_OHM)
        expected = (expected[::-1] if first else expected)[at_row : at_row + rows]
        np.testing.assert_allclose(t[1, row : row + rows, col + j].numpy(), expected, rtol=1e-9)
    torch.testing.assert_close(weff, 0.2 * t * (plus - minus))
    for here, there in zip(fold(plus, minus, around),
                           fold(plus, minus, around, composite(OPS.fold.default)), strict=True):  # fmt: skip
        torch.testing.assert_close(there, here)
    small = [plus.requires_grad_(), minus.requires_grad_()]
    assert torch.autograd.gradcheck(
        lambda p, m: fold(p, m, around), small, atol=1e-5, fast_mode=True
    )
    one = [g.detach()[0].requires_grad_() for g in small]
    assert torch.autograd.gradcheck(lambda p, m: fold(p, m)[0], one, atol=1e-6)
    grads = [torch.randn_like(plus), torch.randn_like(plus)]
    tail = (None, NUMBERS, False, TILE, OHM, ADC_OHM, True, 0.2, 0.2)
    backward = OPS.fold_backward.default
    here = backward(*grads, plus.detach(), minus.detach(), *tail)
    there = composite(backward)(*grads, plus.detach(), minus.detach(), *tail)
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(b, a)


def test_pairs_and_converters_and_their_gradients():
    w, scale = weights()
    w, s = w[:12].clone().requires_grad_(), scale[:1].clone().requires_grad_()
    plus, minus = OPS.target_pairs(w, s, 0.1, 25.0)
    expected = oracle.pairs(
        w.detach().numpy(), np.broadcast_to(s.detach().numpy(), w.shape), 0.1, 25.0
    )
    np.testing.assert_allclose(plus.detach().numpy(), expected[0])
    np.testing.assert_allclose(minus.detach().numpy(), expected[1])
    assert torch.autograd.gradcheck(lambda *a: OPS.target_pairs(*a, 0.1, 25.0), [w, s])
    assert torch.autograd.gradcheck(lambda *a: OPS.target_pairs(*a, 0.1, 25.0, 0.25, 0.5), [w, s])
    x = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
    full = torch.tensor([[1.1]], dtype=torch.float64, requires_grad=True)
    lsb = torch.tensor(0.05, dtype=torch.float64, requires_grad=True)
    # The derivative of ticks holds the range's own; of clamped inputs none is left.
    assert torch.autograd.gradcheck(lambda x, r: OPS.dac(x, r, 31, 1), [x, full])
    assert torch.autograd.gradcheck(lambda q, s: OPS.adc(q, s, 5, 3), [x, lsb])
    here = [OPS.target_pairs(w, s, 0.1, 25.0)[0], OPS.dac(x, full, 31), OPS.adc(x, lsb, 5, 1)]
    there = [
        composite(OPS.target_pairs.default)(w.detach(), s.detach(), 0.1, 25.0, 0.0, 1.0)[0],
        composite(OPS.dac.default)(x.detach(), full.detach(), 31, 2),
        composite(OPS.adc.default)(x.detach(), lsb.detach(), 5, 1),
    ]
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(b, a.detach())


def test_learned_range_follows_its_loss():
    """Steepest descent on a learned range finds a full scale near the best of a scan."""
    x = torch.randn(4096, 1, dtype=torch.float64)
    full = torch.tensor([[0.6]], dtype=torch.float64, requires_grad=True)

    def loss(r):
        return ((OPS.dac(x, r, 7) * r / 7 - x) ** 2).mean()

    optimizer = torch.optim.Adam([full], lr=0.02)
    for _ in range(500):
        optimizer.zero_grad()
        loss(full).backward()
        optimizer.step()
    scan = [loss(torch.tensor([[r]], dtype=torch.float64)).item() for r in np.linspace(0.5, 4, 100)]
    assert loss(full).item() < 1.05 * min(scan)


def test_read_noise_has_the_variance_of_its_devices():
    rows, cols = 12, 3
    plus, minus = 0.1 + 24.9 * torch.rand(2, rows, cols, dtype=torch.float64)
    numbers = [0, rows, 0, cols, 2, 0]
    weff, t = OPS.fold(plus, minus, None, numbers, False, TILE, OHM, 0.0, False, 0.2, 0.2)
    x = torch.randn(1, rows, dtype=torch.float64)
    scale = torch.ones(1, cols, dtype=torch.float64)
    args = (weff, scale, None, None, None)
    tail = (numbers, False, 0.1, 25.0, 0.2, 1.0, 127, 2, 0, 8)
    clean = OPS.read(x, *args, None, None, None, *tail)
    noisy = OPS.read(x.expand(20000, -1), *args, plus, minus, t, *tail)
    full = x.abs().max().item()
    ticks = np.round(x[0].numpy() / full * 127)
    unit = full / 127 / (0.2 * 24.9)
    for j in range(cols):
        expected = oracle.read_noise_variance(
            ticks, t[:, j].numpy(), plus[:, j].numpy(), minus[:, j].numpy()
        )
        assert noisy[:, j].var().item() / (expected * unit**2) == pytest.approx(1.0, abs=0.04)
        assert noisy[:, j].mean().item() == pytest.approx(
            clean[0, j].item(), abs=5 * unit * np.sqrt(expected / 20000)
        )


def test_gradient_of_read_noise():
    """The deviation's own gradient, with the same draws on both sides of a finite difference."""
    rows, cols = 6, 2
    numbers = [0, rows, 0, cols, 4, 0]
    plus, minus = (0.1 + 24.9 * torch.rand(2, rows, cols, dtype=torch.float64)).requires_grad_()
    x = torch.randn(3, rows, dtype=torch.float64, requires_grad=True)
    full, lsb = torch.tensor([2.5]).double(), torch.tensor([3.0]).double()

    def f(x, plus, minus):
        torch.manual_seed(7)
        weff, t = OPS.fold(plus, minus, None, numbers, False, TILE, OHM, 0.0, False, 0.2, 0.2)
        scale = torch.ones(1, cols, dtype=torch.float64)
        return OPS.read(x, weff, scale, None, full, lsb, plus, minus, t, numbers, False, 0.1, 25.0,
                        0.2, 1.0, 127, 1, 3, 12)  # fmt: skip

    assert torch.autograd.gradcheck(f, (x, plus, minus), atol=1e-5, nondet_tol=0.0)


DEVICES = ["pcm", "hermes1", "hermes2", "reram_cmo", "reram_wan"]


@pytest.mark.parametrize("kind", DEVICES)
def test_gradients_of_devices(kind):
    time = 86400.0
    windows = {"reram_cmo": (1.5, 80.0), "hermes1": (0.1, 10.0), "hermes2": (0.1, 20.0)}
    low, high = windows.get(kind, (0.1, 25.0))
    curves, law = OPS.device_curves(kind, low, high, time_s=time)
    g = low + 1.0 + (high - low - 2) * torch.rand(40, dtype=torch.float64)
    # Away from the points of the curves, where they bend.
    step = high * 2.0 / 4096
    g = ((g / step).floor() + 0.5) * step
    draws = [0.3 * torch.randn(40, dtype=torch.float64) for _ in range(3)]
    # The derivative of what is programmed lands between points as it may: one draw at a time.
    for only in range(3):
        some = [d if i == only else torch.zeros_like(d) for i, d in enumerate(draws)]
        f = lambda g, some=some: OPS.device_state(g, *some, curves, law)  # noqa: E731
        torch.autograd.gradcheck(f, [g.clone().requires_grad_()], eps=1e-7, atol=2e-3, rtol=2e-3)
    here = OPS.device_state(g, *draws, curves, law)
    there = composite(OPS.device_state.default)(g, *draws, curves, law)
    torch.testing.assert_close(there, here)
    slope = OPS.device_state_slope.default
    torch.testing.assert_close(
        composite(slope)(g, *draws, curves, law), slope(g, *draws, curves, law)
    )


@pytest.mark.parametrize("kind", ["pcm", "reram_cmo"])
def test_devices_at_their_bounds_keep_their_slope(kind):
    """Weights at the scale are devices at g_max, zeros are devices at g_min: no edge of a range is
    beyond it, on any device of torch, and slopes there are those of the side that is left."""
    low, high = (1.5, 80.0) if kind == "reram_cmo" else (0.0, 25.0)
    curves, law = OPS.device_curves(kind, low, high, programming_scale=0.0, time_s=3600.0)
    g = torch.tensor([low, high], dtype=torch.float64)
    ends = torch.tensor([low + 1e-5, high - 1e-5], dtype=torch.float64)
    # A drift that is sure, so that no draw takes the edge away.
    none = torch.zeros(2, dtype=torch.float64)
    draws = [none, none, None]
    state = [OPS.device_state(t, *draws, curves, law) for t in (ends, g)]
    rise = (state[0] - state[1]) / (ends - g)
    here = OPS.device_state_slope(g, *draws, curves, law)
    torch.testing.assert_close(here, rise, rtol=1e-3, atol=1e-3)
    there = composite(OPS.device_state_slope.default)(g, *draws, curves, law)
    torch.testing.assert_close(there, here)
    assert here[1] > 0.1  # the other end of reram_cmo drifts out of its range
    assert here[0] > 0.1 or kind == "reram_cmo"


def test_pcm_devices_follow_the_published_fits():
    """AIHWKIT's noise/pcm.py, written out once more."""
    curves, law = OPS.device_curves("pcm", 0.1, 25.0, time_s=3600.0)
    g = torch.linspace(0.1, 25.0, 500, dtype=torch.float64)
    xp, xl, xf = torch.randn(3, 500, dtype=torch.float64)
    got = OPS.device_state(g, xp, xl, xf, curves, law).numpy()
    g, xp, xl, xf = (t.numpy() for t in (g, xp, xl, xf))
    r = g / 25
    gp = np.maximum(g + (0.26348 + 1.9650 * r - 1.1731 * r**2) * xp, 0)
    log = np.log(np.maximum(gp / 25, 1e-7))
    nu = np.abs(
        np.clip(-0.0155 * log + 0.0244, 0.049, 0.1)
        + np.clip(-0.0125 * log - 0.0059, 0.008, 0.045) * xl
    )
    gd = gp * (3620 / 20) ** -nu
    q = np.minimum(0.0088 / np.maximum((gp / 25) ** 0.65, 1e-3), 0.2)
    expected = np.maximum(gd + gd * q * np.sqrt(np.log((3620 + 250e-9) / (2 * 250e-9))) * xf, 0)
    np.testing.assert_allclose(got, expected, rtol=2e-3, atol=2e-4)


def test_devices_beyond_g_max_follow_the_published_fits():
    """AIHWKIT's noise/hermes.py, written out: above 1.16 g_max the mean of its drift exponent, and
    above 1.22 g_max its deviation, is below 0, of which the exponent is the magnitude. Programming
    leaves such devices where its noise is scaled, spreads do too."""
    curves, law = OPS.device_curves("hermes1", 0.1, 10.0, time_s=86400.0)
    g = torch.linspace(9.0, 19.9, 800, dtype=torch.float64)
    xl = 0.7 * torch.randn(800, dtype=torch.float64)
    got = OPS.device_state(g, None, xl, None, curves, law).numpy()
    there = composite(OPS.device_state.default)(g, None, xl, None, curves, law)
    g, xl = g.numpy(), xl.numpy()
    r = g / 10
    mean, deviation = (
        np.polyval([-0.0436, -0.0126, 0.0736], r),
        np.polyval([-0.0165, 0.0116, 0.0104], r),
    )
    expected = g * (1 + 86400 / 200) ** -np.abs(mean + np.abs(deviation) * np.where(
        deviation < 0, -xl, xl))  # fmt: skip
    # Where a deviation is below 0, draws of either sign are the same law.
    mirrored = g * (1 + 86400 / 200) ** -np.abs(mean - deviation * xl)
    either = np.minimum(np.abs(got - expected), np.abs(got - mirrored))
    assert (either < 2e-3 * g).all()
    torch.testing.assert_close(there, torch.from_numpy(got))


@pytest.mark.parametrize("path", ["cpu", "composite"])
@pytest.mark.parametrize("size", [1e-30, 1e-38, 1e-42])
def test_columns_of_the_smallest_weights_are_read(size, path):
    """Their LSBs have no inverse in single precision, and charges beside them no digits."""
    op = composite(OPS.tile_linear.default) if path == "composite" else OPS.tile_linear
    w = weights(torch.float32)[0]
    x, ranges, lsb = torch.randn(6, K), torch.tensor([2.0, 2.0]), torch.tensor([17.0, 15.0, 12.0])
    few = torch.arange(N) % 2 == 0
    small = torch.where(few, size, 1.0).float()
    tiny = w * small  # by what is left of them
    tops = torch.stack([tiny[row : row + rows].abs().amax(0) for row, rows in ((0, 12), (12, 7))])
    y = linear(x, tiny, tops, None, ranges, lsb, adc=1, op=op)[0]
    double = linear(x.double(), tiny.double(), tops.double(), None, ranges.double(), lsb.double(),
                    adc=1)[0]  # fmt: skip
    # By one code at its edge, and by what the smallest numbers are apart.
    apart = (y.double() - double).abs()
    assert (apart <= 1e-5 * double.abs() + 64 * 2.0**-149).float().mean() > 0.97
    assert (y[:, few] != 0).float().mean() > 0.5


def test_noise_depends_on_its_key_alone():
    key = torch.tensor([3, 1, 7])
    a = OPS.noise([257, 33], key, 1)
    torch.set_num_threads(2)
    assert torch.equal(a, OPS.noise([257, 33], key, 1))
    others = [OPS.noise([257, 33], key + torch.eye(3, dtype=torch.int64)[i], 1) for i in range(3)]
    others.append(OPS.noise([257, 33], key, 2))
    for b in others:
        assert abs((a * b).mean().item()) < 0.06  # 5 sigma
    assert a.mean().abs() < 0.06
    assert (a.var() - 1).abs() < 0.08
    # The runtime's draws, and its vector form of them.
    assert torch.equal(
        OPS.normals(3, 15, 1 << 8 | 1, 7, 0, 0, 3, 4096).flatten()[: a.numel()], a.flatten()
    )


def test_scales_and_compensation_of_the_compiler():
    w = 0.1 * torch.randn(48, 20)
    numbers = [0, 48, 0, 20, 16, 0]
    top = OPS.choose_scales(w, numbers, False, "max", "pcm", 0.1, 25.0)
    torch.testing.assert_close(top[0], w.abs().amax(0))
    optimal = OPS.choose_scales(w, numbers, False, "optimal", "pcm", 0.1, 25.0)
    assert (optimal <= top + 1e-6).all()
    assert (optimal < 0.99 * top).any()
    shape, gain = OPS.compensate(w, top, numbers, False, 64, 50.0, 0.0, False, 0.1, 25.0, "weights")
    x = torch.randn(10, 48)
    tail = (numbers, False, 64, 50.0, 0.0, False, 0.1, 25.0, 0.2, 1.0, 127, 0, 0, 8)
    before = OPS.tile_linear(x, w, top, None, None, None, *tail)[0]
    after = OPS.tile_linear(x, w * shape, top, gain, None, None, *tail)[0]
    error = ((before - x @ w).norm() / (x @ w).norm()).item()
    assert error > 0.01
    assert ((after - x @ w).norm() / (x @ w).norm()).item() < 0.01 * error


@pytest.mark.parametrize(
    "change, words",
    [
        ({"x": torch.randn(4, K + 1)}, "expected inputs of 19 features"),
        ({"w": torch.randn(K, N, 1)}, "expected a weight of rank 2"),
        ({"scale": torch.ones(3, N)}, "expected scale of shape"),
        ({"lsb": None, "adc": 1}, "expected an LSB per block"),
        ({"ranges": torch.ones(1)}, "expected range of shape"),
        ({"x": torch.randn(4, K).double()}, "expected weight of shape"),
    ],
)
def test_bad_input_is_named(change, words):
    w, scale = weights(torch.float32)
    given = {"x": torch.randn(4, K), "w": w, "scale": scale} | change
    with pytest.raises((ValueError, RuntimeError, TypeError), match=words):
        linear(**given)


def test_bad_blocks_are_named():
    w, scale = weights(torch.float32)
    x = torch.randn(4, K)
    for numbers, words in [
        (NUMBERS[:-1], "six numbers"),
        (NUMBERS[:12], "cover 19 rows"),
        ([0, 12, 0, 6, 8, 1, *NUMBERS[6:]], "within a tile of 16 rows"),
        ([0, 12, 1, 5, 3, 1, *NUMBERS[6:]], "continue its band"),
    ]:
        with pytest.raises(ValueError, match=words):
            OPS.tile_linear(x, w, scale, None, None, None, numbers, False, TILE, 0.0, 0.0, False,
                            0.1, 25.0, 0.2, 1.0, 127, 0, 0, 8)  # fmt: skip
