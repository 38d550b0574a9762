# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every closed-form mean and variance against samples, device by device.

The fits of docs/Physics.md section 4 are written out here a second time; moments of clipped and of
folded distributions are integrals over xi, done by quadrature.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from nodal import Circuit, network_currents
from pages import plot, short, table
from scipy import stats

import aimc

G_MAX, READ_V = 25.0, 0.2
LEVELS = np.array([0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
QUIET = {"wire": False, "adc": False, "dac": False}
XI = np.linspace(-9, 9, 6001)
DENSITY = stats.norm.pdf(XI) * (XI[1] - XI[0])


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Samples against expectation."""

    what: str
    at: str
    z_mean: float
    z_variance: float
    ratio: float  # of standard deviations

    def row(self) -> list[str]:
        return [
            self.what, self.at, f"{self.z_mean:+.1f}", f"{self.z_variance:+.1f}",
            f"{self.ratio:.4f}",
        ]  # fmt: skip


def compare(what: str, at: str, samples: np.ndarray, mean: float, variance: float) -> Comparison:
    """Differences in standard errors; that of the variance from the fourth moment."""
    n = samples.size
    found = samples.var(ddof=1)
    fourth = np.mean((samples - samples.mean()) ** 4)
    spread = np.sqrt(max(fourth - found**2, 1e-300) / n)
    return Comparison(
        what,
        at,
        float((samples.mean() - mean) / np.sqrt(variance / n)),
        float((found - variance) / spread),
        float(np.sqrt(found / variance)),
    )


def moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and variance of a function of xi ~ N(0, 1), given at XI."""
    mean = float((values * DENSITY).sum())
    return mean, float((np.square(values) * DENSITY).sum() - mean**2)


def programming_sigma(r: float) -> float:
    return G_MAX / 25 * (0.26348 + 1.9650 * r - 1.1731 * r * r)


def drift(r: float, seconds: float) -> np.ndarray:
    """(t / t0)^-nu at XI."""
    log_r = np.log(max(r, 1e-7))
    mu = np.clip(-0.0155 * log_r + 0.0244, 0.049, 0.1)
    sigma = np.clip(-0.0125 * log_r - 0.0059, 0.008, 0.045)
    return ((seconds + 20.0) / 20.0) ** -np.abs(mu + sigma * XI)


def one_over_f(r: float, seconds: float) -> float:
    """Standard deviation relative to the conductance."""
    q = min(0.0088 / max(r**0.65, 1e-3), 0.2)
    return q * np.sqrt(np.log((seconds + 20.0 + 250e-9) / (2 * 250e-9)))


def levels_tile(seed: int, target: dict, **options) -> aimc.Tile:
    """A tile whose columns hold the levels, 512 x 64 devices each in the plus plane."""
    # A first row at full scale fixes s = 1 in every column; it is left out of the samples.
    weights = np.tile(np.repeat(LEVELS, 64), (512, 1))
    weights[0] = 1.0
    device = {"kind": "pcm", "g_min_us": 0.0, "g_max_us": G_MAX} | target
    return aimc.Tile(
        weights, {"device": device, "wire": {"column_ohm": 0.0}}, seed=seed, **options
    )  # fmt: skip


def of_level(array: np.ndarray, level: int) -> np.ndarray:
    return array[0, 1:, level * 64 : (level + 1) * 64].ravel()


def device_comparisons() -> list[Comparison]:
    """Programming, drift, and drift with 1/f noise of PCM."""
    out = []
    programmed = levels_tile(1, {}).array("programmed_plus")
    for number, r in enumerate(LEVELS):
        sigma = programming_sigma(r)
        expected = moments(np.maximum(G_MAX * r + sigma * XI, 0))
        samples = of_level(programmed, number)
        out.append(compare("programming, uS", f"{G_MAX * r:g} uS", samples, *expected))
    for seconds in (3600.0, 1e6):
        plain = levels_tile(2, {"read_noise_scale": 0.0, "programming_noise_scale": 0.0},
                            time_s=seconds).array("plus")  # fmt: skip
        noisy = levels_tile(3, {"programming_noise_scale": 0.0}, time_s=seconds).array("plus")
        for number, r in enumerate(LEVELS):
            ratio = drift(r, seconds)
            mean, variance = moments(ratio)
            samples = of_level(plain, number) / (G_MAX * r)
            at = f"{G_MAX * r:g} uS, {seconds:g} s"
            out.append(compare("drift, g_D / g_P", at, samples, mean, variance))
            # The second draw is independent, and no conductance is below zero.
            low, spread = moments(np.maximum(1 + one_over_f(r, seconds) * XI, 0))
            total = (variance + mean**2) * (spread + low**2) - (mean * low) ** 2
            samples = of_level(noisy, number) / (G_MAX * r)
            out.append(compare("drift and 1/f, g / g_P", at, samples, mean * low, total))
    return out


def ns_sigma(g: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Read noise of a device of g uS read for t ns."""
    x = np.log10(np.clip(t, 1, 4096))
    slope = np.polyval([2.1926e-4, -1.87352e-3, 6.55714e-3, -1.46159e-2, 2.578764e-2], x)
    offset = 1e6 * np.polyval(
        [1.11906167e-9, -9.08576764e-9, 3.07015063e-8, -6.77079241e-8, 1.17763144e-7], x
    )
    return slope * g + offset


def read_comparisons(ohm: float, reads: int = 20000):
    """The kernels' one draw per output against a draw per device and read; the attenuation of each
    cell comes from the node equations."""
    rows, cols = 96, 6
    rng = np.random.default_rng(7)
    target = {"wire": {"column_ohm": ohm}, "adc": {"kind": "ideal"}}
    weights = rng.normal(size=(rows, cols))
    tile = aimc.Tile(weights, target, seed=5)
    plus, minus = tile.array("plus")[0], tile.array("minus")[0]
    x = rng.normal(size=rows).astype(np.float32)
    ticks = np.rint(x / np.abs(x).max() * 127)
    unit = network_currents(Circuit(plus + minus, np.zeros_like(plus), ohm), np.eye(rows))
    transfer = unit / (READ_V * np.maximum(plus + minus, 1e-30))
    duration = np.abs(ticks)[:, None]
    on = duration > 0
    factor = READ_V * ticks[:, None] * transfer
    ours = tile.read(np.tile(x, (reads, 1))).astype(float)
    digital = tile.array("digital")[0] * np.abs(x).max() / 127
    ours /= digital  # charges, fC
    mean = (factor * (plus - minus)).sum(0)
    sigma = [np.where(on, ns_sigma(g, duration), 0.0) for g in (plus, minus)]
    variance = (factor**2 * (sigma[0] ** 2 + sigma[1] ** 2)).sum(0)
    samples = np.empty((reads, cols))
    for k in range(reads):
        fluctuation = sigma[0] * rng.normal(size=plus.shape) - sigma[1] * rng.normal(
            size=plus.shape
        )
        samples[k] = mean + (factor * fluctuation).sum(0)
    out = []
    for j in range(cols):
        at = f"{ohm:g} ohm, column {j}"
        out.append(compare("read: kernel, closed form", at, ours[:, j], mean[j], variance[j]))
        out.append(compare("read: samples, closed form", at, samples[:, j], mean[j], variance[j]))
    p = min(stats.ks_2samp(ours[:, j], samples[:, j]).pvalue for j in range(cols))
    return out, p, (ours, samples)


def section() -> str:
    devices = device_comparisons()
    reads, p_values, sets = [], {}, {}
    for ohm in (0.0, 0.35, 2.0):
        found, p, both = read_comparisons(ohm)
        reads += found
        p_values[ohm], sets[ohm] = p, both
    groups = {}
    for c in devices + reads:
        groups.setdefault(c.what, []).append(c)
    summary = [
        [
            what,
            len(group),
            f"{max(abs(c.z_mean) for c in group):.1f}",
            f"{max(abs(c.z_variance) for c in group):.1f}",
            f"{min(c.ratio for c in group):.3f} to {max(c.ratio for c in group):.3f}",
        ]
        for what, group in groups.items()
    ]
    comparisons = 2 * (len(devices) + len(reads))
    limit = float(stats.norm.ppf(1 - 0.001 / (2 * comparisons)))
    worst = max(max(abs(c.z_mean), abs(c.z_variance)) for c in devices + reads)
    tests = ", ".join(f"{p:.2f} at {ohm:g} ohm" for ohm, p in p_values.items())
    return f"""\
## Closed forms: samples of devices

Means and variances that the code computes in closed form or draws from, against samples. Differences
in standard errors (that of a variance from the fourth moment); with {comparisons} comparisons, one in a
thousand tables has one beyond {limit:.1f}. Largest here: {worst:.1f}. `sd` is the samples' standard
deviation over the expected one. Devices: 32,704 samples at each of eight levels from 0.25 to 25 uS. Reads:
20,000 of one vector by a programmed tile of 96 rows, once by the kernel's single draw per output and
once by a draw per device and read.

{table(["quantity", "comparisons", "worst mean", "worst variance", "sd"], summary)}
Kolmogorov-Smirnov, kernel against per-device samples, smallest p of six columns: {tests}.

{plot("validation-read-noise", lambda axes: _draw(axes, sets[0.35]), (5.0, 3.0))}
Smallest and largest level of conductance, in full:

{table(["quantity", "at", "mean", "variance", "sd"], [c.row() for c in devices if c.at.startswith(("0.25 ", "25 "))])}
Not in the closed form of the read: what a fluctuation does to its own column's attenuation. It is of
second order; at 2 ohm per cell it shifts no mean or variance beyond the noise of the samples in
`test/runtime/model` (per-device sampling with loads that fluctuate). Largest difference of a mean
that this table could have missed: {short(2 * limit / np.sqrt(20000))} standard deviations of a read.
"""


def _draw(axes, sets) -> None:
    """Histogram of one column's charges."""
    ours, samples = sets
    edges = np.linspace(*np.quantile(samples[:, 0], [0.0005, 0.9995]), 41)
    axes.hist(samples[:, 0], edges, histtype="stepfilled", alpha=0.4, label="a draw per device")
    axes.hist(ours[:, 0], edges, histtype="step", label="a draw per output")
    axes.set_xlabel("charge of one column, fC")
    axes.set_ylabel("reads")
    axes.legend(frameon=False)
