# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One product on tiles, drawn by hypothesis: a target, a weight, inputs and options.

Keys, limits and presets are what the product says of itself: keys are those of the default target,
limits those that the judge of targets names when it refuses a value, presets those that a wrong
name is answered with. A key that is added is drawn from then on.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import Any

import numpy as np
from hypothesis import strategies as st

import aimc
from aimc import abi

Parts = dict[str, dict[str, Any]]

# Keys that the default target leaves out, being nothing there (docs/Contracts.md 4).
ABSENT = [("geometry", "significance"), ("device", "table")]
KEYS = [(part, key) for part, keys in abi.default_target().items() for key in keys] + ABSENT

TABLES = [
    {"format": "aimc-device", "version": 1, "g_min_us": 0.5, "g_max_us": 50.0,
     "programming": {"g_us": [0.5, 50.0], "mean_us": [0.8, 49.0], "std": [0.3, 0.9]},
     "drift": {"t0_s": 20.0, "nu_mean": 0.05, "nu_std": 0.02},
     "read_noise": {"q": 0.02, "nanosecond": True}, "stuck_off": 0.05, "stuck_on": 0.02},
    {"format": "aimc-device", "version": 1,
     "programming": {"distribution": "uniform", "error": "proportional", "half_width": 0.1}},
]  # fmt: skip
# What else has to change for the judge to take a value.
COMPANIONS: dict[tuple[str, str, Any], list[tuple[str, str, Any]]] = {
    ("dac", "mode", "split"): [("dac", "lsb_bits", 2), ("dac", "bits", 6)],
    ("wire", "idle", "open"): [("wire", "row_ohm", 0.0), ("wire", "driver_ohm", 0.0)],
    ("device", "kind", "hermes1"): [("device", "g_max_us", 10.0)],
    ("device", "kind", "hermes2"): [("device", "g_max_us", 20.0)],
    ("device", "kind", "reram_cmo"): [("device", "g_min_us", 9.0), ("device", "g_max_us", 88.0)],
    ("device", "kind", "reram_wan"): [("device", "g_min_us", 1.0), ("device", "g_max_us", 40.0)],
}
UNTRAINED = [("wire", "spread"), ("adc", "gain_spread"), ("adc", "offset_spread_lsb"), ("adc", "v_off_v")]  # fmt: skip


# Keys that decide which code runs are drawn more often than those that it reads.
OFTEN = [("wire", "idle"), ("dac", "mode"), ("geometry", "pairs"), ("geometry", "significance"), ("wire", "row_ohm")]  # fmt: skip


def refusal(part: str, key: str, value: Any) -> str:
    """What the judge has against a value."""
    try:
        abi.read_target({part: {key: value}})
    except aimc.InvalidArgumentError as error:
        return str(error)
    return ""


@functools.cache
def presets() -> list[str]:
    """The names that the product has targets under."""
    try:
        aimc.Target.load("no such preset")
    except aimc.InvalidArgumentError as error:
        return re.findall(r"[\w-]+", str(error).partition("presets are ")[2])
    raise AssertionError("expected a refusal")


@functools.cache
def preset(name: str) -> Parts:
    """What a preset says that the default target does not, so that failures are short."""
    said = aimc.Target.load(name).parts()
    return {
        part: {key: value for key, value in keys.items() if value != neutral(part, key)}
        for part, keys in said.items()
    }


@functools.cache
def words(part: str, key: str) -> list[str]:
    """The words that a key may be, none for other keys."""
    return re.findall(r"\w+", refusal(part, key, "").partition("one of: ")[2].partition(", but")[0])


@functools.cache
def limits(part: str, key: str) -> tuple[str, float, float]:
    """integer or number, lowest, highest."""
    said = re.search(r"expected an? (integer|number) from (\S+) to (\S+),", refusal(part, key, ""))
    assert said is not None, refusal(part, key, "")
    return said[1], float(said[2]), float(said[3])


def neutral(part: str, key: str) -> Any:
    return abi.default_target()[part].get(key)


@functools.cache
def values_of(part: str, key: str) -> st.SearchStrategy[Any]:
    """Values of a key, all but its neutral one."""
    known = neutral(part, key)
    if (part, key) == ("device", "table"):
        return st.sampled_from(TABLES)
    if (part, key) == ("geometry", "significance"):
        return st.lists(st.sampled_from([1.0, 1.5, 2.0, 4.0, 16.0]), min_size=1, max_size=3).map(sorted)  # fmt: skip
    if words(part, key):
        return st.sampled_from([word for word in words(part, key) if word not in (known, "table")])
    if isinstance(known, bool):
        return st.just(not known)
    if key == "acceptance_percent":
        return st.just(0.2)
    if key == "lsb_bits":
        return st.integers(1, 7)
    kind, low, high = limits(part, key)
    if key in ("rows", "cols"):
        return st.integers(int(low), 40)
    if key == "pairs":
        return st.integers(2, 3)
    if kind == "integer":
        return st.integers(int(low), int(high)).filter(lambda value: value != known)
    spread = key.endswith("spread") or key.startswith("stuck")
    top = min(high, {"noise_scale": 4.0, "drift_scale": 4.0}.get(key.partition("_")[2], high))
    top = 3.0 if key.endswith("_scale") else 0.2 if spread else top
    if known:  # around the default, and anywhere
        near = st.sampled_from([0.25, 0.5, 2.0, 4.0]).map(
            lambda factor: float(f"{factor * known:.3g}")
        )
        return near.filter(lambda value: low <= value <= top) | decades(max(low, 1e-3), top)
    return decades(top / 1e4, top)


def decades(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of three digits, as many of each size."""
    exponents = st.integers(0, 60).map(lambda at: low * (high / low) ** (at / 60))
    return exponents.map(lambda value: min(max(float(f"{value:.3g}"), low), high))


def judged(parts: Parts, training: bool) -> bool:
    try:
        abi.read_target(parts, training=training)
    except (aimc.InvalidArgumentError, aimc.UnsupportedError):
        return False
    return True


def changed(parts: Parts, changes: list[tuple[str, str, Any]]) -> Parts:
    made = {part: dict(values) for part, values in parts.items()}
    for part, key, value in changes:
        made.setdefault(part, {})[key] = value
        if key == "significance":
            made[part]["pairs"] = len(value)
        if key == "pairs":
            made[part].pop("significance", None)
        if key == "kind":
            made[part].pop("table", None)
        if key == "table":
            made[part] |= {"kind": "table", "g_min_us": 0.5, "g_max_us": 40.0}
        if (key, value) == ("kind", "ideal") and part == "adc":
            made[part] = {k: v for k, v in made[part].items() if k not in ("bits", "lsb_fc", "gain_spread", "offset_spread_lsb")}  # fmt: skip
    return made


def with_change(parts: Parts, change: tuple[str, str, Any], training: bool) -> Parts | None:
    """The target with one change and what has to go with it; None where nothing makes one of it."""
    part, key, value = change
    try:
        more = COMPANIONS.get((part, key, value), [])
    except TypeError:  # a list or a table
        more = []
    for changes in ([change], [change, *more]):
        made = changed(parts, changes)
        if judged(made, training):
            return made
    return None


@st.composite
def targets(draw: Any, *, training: bool = True, most: int = 6) -> Parts:
    """A preset or a partial file with some keys off neutral; whatever the judge takes."""
    base = draw(st.sampled_from([None, *presets()]))
    parts: Parts = changed({} if base is None else preset(base), [])
    if not judged(parts, training):
        parts = {}
    keys = [key for key in KEYS + OFTEN if not (training and key in UNTRAINED)]
    for part, key in draw(st.lists(st.sampled_from(keys), max_size=most, unique=True)):
        made = with_change(parts, (part, key, draw(values_of(part, key))), training)
        parts = parts if made is None else made
    geometry = parts.setdefault("geometry", {})
    for side in ("rows", "cols"):  # a block somewhere in a tile that is not much larger
        if geometry.get(side, 512) > 64:
            geometry[side] = draw(st.sampled_from([16, 24, 64]))
    if not judged(parts, training):  # a full scale that fits a column of 512 alone
        geometry["rows"] = 512
    return parts


# Weights


def column(kind: str, rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal(rows)
    at = seed % rows
    return {
        "constant": lambda: np.full(rows, 0.1),
        "normal": lambda: 0.1 * normal,
        "negative constant": lambda: np.full(rows, -1 / 3),
        "nearly constant": lambda: 0.7 * (1 + 1e-6 * normal),
        "zeros": lambda: np.zeros(rows),
        "one row": lambda: np.where(np.arange(rows) == at, 0.3, 0.0),
        "one outlier": lambda: np.where(np.arange(rows) == at, -1.0, 0.01 * normal),
        "two values": lambda: np.where(normal > 0, 0.2, -0.2),
        "heavy tails": lambda: rng.standard_t(2, rows),
        "tiny": lambda: 1e-30 * normal,
        "1e3": lambda: 1e3 * normal,
        "1e30": lambda: 1e30 * normal,
        "denormal": lambda: 1e-41 * normal,
        "smallest": lambda: np.full(rows, 1e-45),
        "rows of zeros": lambda: np.where(np.arange(rows) < rows // 2, 0.0, normal),
    }[kind]()


COLUMNS = ["constant", "normal", "negative constant", "nearly constant", "zeros", "one row",
           "one outlier", "two values", "heavy tails", "tiny", "1e3", "1e30", "denormal", "smallest",
           "rows of zeros"]  # fmt: skip
# Weights that a gradient is a number of: not so large or small that a step in them is none.
MODEST = [kind for kind in COLUMNS if kind not in ("1e30", "denormal", "smallest", "tiny")]


def vector(kind: str, rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(1000 + seed)
    normal = rng.standard_normal(rows)
    at = seed % rows
    return {
        "one hot": lambda: np.where(np.arange(rows) == at, 1.0, 0.0),
        "normal": lambda: normal,
        "zeros": lambda: np.zeros(rows),
        "constant": lambda: np.full(rows, -0.25),
        "huge": lambda: 1e30 * normal,
        "large": lambda: 1e3 * normal,
        "tiny": lambda: 1e-30 * normal,
        "one large": lambda: np.where(np.arange(rows) == at, 100.0, normal),
        # halves of a code of any number of bits, where roundings part
        "between codes": lambda: np.where(
            np.arange(rows) == 0, 254.0, rng.integers(-254, 255, rows)
        ),
        "half of zeros": lambda: np.where(np.arange(rows) < rows // 2, 0.0, normal),
    }[kind]()


VECTORS = ["one hot", "normal", "zeros", "constant", "huge", "large", "tiny", "one large",
           "between codes", "half of zeros"]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Case:
    """A product y = x W through tiles. What is drawn is what a failure shows."""

    target: Parts
    rows: int
    columns: tuple[tuple[str, int], ...]
    vectors: tuple[tuple[str, int], ...]
    scale: str = "max"
    compensate: str = "none"
    input_range: float | None = None
    seed: int = 0
    time_s: float | None = None
    drift_compensation: bool = False
    off: tuple[str, ...] = ()  # effects of the circuit

    @functools.cached_property
    def weight(self) -> np.ndarray:
        made = [column(kind, self.rows, seed) for kind, seed in self.columns]
        return np.stack(made, 1).astype(np.float32)

    @functools.cached_property
    def x(self) -> np.ndarray:
        made = [vector(kind, self.rows, seed) for kind, seed in self.vectors]
        return np.stack(made).astype(np.float32)

    @functools.cached_property
    def whole(self) -> Parts:
        """The target with what was left out."""
        parts: Parts = abi.read_target(self.target)
        return parts

    def replace(self, **changes: Any) -> Case:
        return dataclasses.replace(self, **changes)

    def with_part(self, part: str, **values: Any) -> Case:
        return self.replace(target=changed(self.target, [(part, k, v) for k, v in values.items()]))

    @property
    def reads(self) -> int:
        """Readings of a column that an output is the sum of, each with its own digital factor."""
        return len(range(0, self.rows, self.whole["geometry"]["rows"]))


SCALES = ["max", "sigma:2.0", "optimal", "sigma:0.7"]
SEEDS = [0, 1, 7, 2**32 + 5, 2**62 + 1]
EFFECTS = ["dac", "adc", "wire"]
TIMES = {"reram_wan": [None, 86400.0, 172800.0]}


@st.composite
def cases(
    draw: Any, *, training: bool = True, columns: list[str] = COLUMNS, vectors: list[str] = VECTORS,
    aged: bool = False, ranges: bool = True, partly: bool = True,
) -> Case:  # fmt: skip
    """A case of which every part is drawn."""
    parts = draw(targets(training=training))
    whole = abi.read_target(parts)
    count = draw(st.integers(1, 6))
    idle = whole["wire"]["idle"]
    modes = ["none", "gain", "weights"] + (["weights+pulses"] if idle == "open" else [])
    kind = whole["device"]["kind"]
    times = TIMES.get(kind, [None, 60.0, 86400.0])
    seeds = st.integers(0, 40)
    return Case(
        target=parts,
        rows=draw(st.integers(1, 24)),
        columns=tuple((draw(st.sampled_from(columns)), draw(seeds)) for _ in range(count)),
        vectors=tuple((draw(st.sampled_from(vectors)), draw(seeds)) for _ in range(draw(st.integers(1, 4)))),
        scale=draw(st.sampled_from(SCALES)),
        compensate=draw(st.sampled_from(modes)),
        input_range=draw(st.sampled_from([None, 1.5])) if ranges else None,
        seed=draw(st.sampled_from(SEEDS)) if aged else 0,
        time_s=draw(st.sampled_from(times)) if aged else None,
        off=tuple(draw(st.lists(st.sampled_from(EFFECTS), max_size=2, unique=True))) if partly else (),
    )  # fmt: skip


def shown(case: Case) -> str:
    return json.dumps(dataclasses.asdict(case))
