# Part of the AIMC project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page in words. Whatever it says about results follows from the numbers by a rule."""

from __future__ import annotations

from collections.abc import Sequence

from aimc.experiment import plan
from aimc.experiment.outcome import ADAPTED, Case
from aimc.experiment.settings import FULL_SCALE_FC, Settings
from aimc.experiment.statistics import Estimate, Right, accuracy, difference

_SUFFICES = 1.0  # points below the digital model that a deployment may lose
_ENOUGH = (
    f"**Compile-time adaptation suffices** (on average less than {_SUFFICES:g} point below the "
    "digital model without any training; points against it in parentheses)"
)
_COMMON = (
    "**Every tile's ADC needs a full scale of its own** (`--calibrate`; points of `none` over "
    "`common ADC`)"
)
_GAIN = (
    "**One factor per column does as much** as distorting weights and pulses, or no clear "
    "difference shows (points of the full adaptation over gain)"
)
_WEIGHTS = (
    "**Distorting weights (and pulses, for open rows) is needed**: one factor per column falls "
    "clearly short (points of the full adaptation over gain)"
)
_WORTH = (
    "**Training on top of adaptation is clearly worth its steps** (points over adaptation alone)"
)
_LEFT = (
    "**Adaptation loses more than a point, and neither training clearly wins it back** in so few "
    "steps (points against the digital model)"
)
_HARM = (
    "**Training on top of adaptation does harm** (points against adaptation alone; the Gaussian's "
    "deviation is the one that suits the hardest hardware)"
)
_INSTEAD = "**Training instead of adaptation is clearly better** (points against adaptation alone)"
_BEHIND = (
    "**Training instead of adaptation falls clearly short of it** (points against adaptation "
    "without training)"
)

CONFIRMATION = """## The trainer's accuracy and the runtime's

The weights of seed 0, on the same chip instances (the trainer draws every device as the runtime
does, from the chip's seed), with the same converters and wires. Reads have noise of their own, and
the trainer computes drift factors from conductances, the runtime from reads through the ADC. The
figures are of a runtime whose factors of columns with little signal came out too small, which cost
it accuracy that the trainer did not see; factors are without that bias since.
"""

PROTOTYPE = """## Against the prototype

What a rough prototype gave before there was a product (another digital model of the same kind,
4,000 test glosses), and whether it lies within the interval here. Wires that nothing corrects weigh
less here: the compiler puts a block of 384 rows next to the ADC of a tile of 512, which spares its
currents a quarter of the column; where the prototype put it is not recorded.
"""

COST = """Batches of glosses of like length, weights on tiles with gradients through wires and
converters. Times are of one process beside another on the machine of this run; `make bench`
compares them properly.
"""


def introduction(settings: Settings, digital: Estimate | None, smoke: bool) -> str:
    """What was done."""
    title = "# What compile-time adaptation and training bring on a real task\n"
    if smoke:
        title += "\nA smoke run on a small random model: only its mechanics mean something.\n"
    accuracy_text = "(missing)" if digital is None else f"{digital}%"
    chips, seeds = settings.headline_chips, settings.seeds
    return f"""{title}
Written by `make experiment` (`python -m aimc.experiment`), which resumes where it was interrupted;
numbers below follow from the cells in its folder of results, and so do the statements. To do the
same for a chip and a task of your own: [the tutorial](tutorials/finetune.md).

**Terms.** *Midrail*: rows without input are held at the read reference and load their columns;
*open*: they are disconnected, so that what a column loses depends on the input. *Headline rows*
combine all imperfections and have most chips and seeds. *Pulses* carry inputs by their length.

**Task.** WordNet definitions to their 41 supersenses (nouns and verbs; Debian's wordnet-base), cut
at {settings.tokens} tokens. {settings.train:,} glosses train, {settings.validation} more choose
rates, {settings.test:,} others test; which synset belongs where is a hash of the synset.
Digital accuracy: {accuracy_text} after {settings.digital_steps:,} steps of AdamW at
{settings.digital_rate:g}, batch {settings.batch}, from
{"MiniLM-L6's published weights" if settings.model == "minilm" else "a small random encoder"}.

**Deployment.** Every accuracy is the product's: the weights exported to ONNX with their classifier
(all linear layers on tiles, the classifier too), compiled by `aimc-compile`, run by the C++ runtime
on chip instances 0, 1, ... with digital drift compensation per column, the default here wherever
time passes. DAC 8 bits over each vector's own range; tiles of 512 x 512.

**Without training.** `common ADC`: every tile's ADC has one full scale
({FULL_SCALE_FC / 1000:.1f} pC, the preset's); everything else gives each tile's ADC its own, from
{settings.calibration} training glosses (`--calibrate`). `none`: no more than that. `gain`: one
digital factor per column (`--compensate gain`). `weights`: conductances pre-distorted
(`--compensate weights`) and the noise-optimal conductance scale (`--scale optimal`).
`weights+pulses`: with pulse lengths pre-distorted per vector, for open rows. The full adaptation of
a circuit is called *adapted*: `weights` for midrail rows, `weights+pulses` for open rows.

**Trainings.** {settings.tuned_steps} steps each from the digital model, same glosses, same order,
same loss (half distillation from the digital model, half cross-entropy), same schedule; embedding
tables frozen. `Gaussian`: noise on weights relative to each column's largest, the hardware unknown.
`circuit`: DAC, wires, ADC and devices at their deployment's level in the loop, a new chip each
step, times since programming in turn, drift compensated as in deployment. Each alone, deployed as
`none`, and with adaptation: deployed as *adapted*, where the circuit's training starts from the
compiled state (its scales, compensation and ADC ranges in the loop). Devices enter training as one
normal draw per weight with the mean and variance of programming, drift and 1/f noise together. Open
rows enter it by their mean field, or, compensated by weights and pulses, as if no wires were left.

**Statistics.** {chips} chips x {seeds} training seeds on the headline rows, the same chips and
glosses for all methods. Intervals are 95%, by a bootstrap over seeds, chips and glosses together,
paired for differences. The seed decides order and noise; all trainings start from one digital
model.
"""


def about(settings: Settings, group: str) -> str:
    """What the rows of a group are."""
    return {
        "adc": "Ideal devices, no wires, linear ADC. The circuit was in the loop at "
        f"{settings.trained_bits} bits; one training serves all resolutions.\n",
        "devices": "PCM (programming error, drift with its spread, 1/f and read noise), no wires, "
        f"ideal ADC; {settings.chips} chips, one training seed.\n",
        "wires": "Ideal devices and ADC; ohm per cell. One training seed.\n",
        "all": "PCM, wires and a coarse linear ADC, at the last time. Midrail makes the headline "
        f"rows ({settings.headline_chips} chips, {settings.seeds} training seeds); open rows: "
        f"{settings.chips} chips, one seed.\n",
    }[group]


def choosing(settings: Settings) -> str:
    """How rates were chosen."""
    chips = f"{settings.tuning_chips} chip" + ("s" if settings.tuning_chips > 1 else "")
    return f"""## Choices

Made on {settings.validation} validation glosses, deployed with adaptation on the last headline
row, seed 0, {chips}; no test gloss took part. The same rate and deviation then serve all rows, with
and without adaptation: a deviation that suits the hardest row may be too much for mild ones. The
circuit in the loop has no such strength to choose.
"""


def _of(case: Case, method: str) -> Right | None:
    return case.right.get(method)


def _sum_up(case: Case, exact: Right) -> str:
    none, adapted = _of(case, "none"), case.adapted
    assert none is not None
    assert adapted is not None
    gap = difference(adapted, exact)
    parts = [
        f"**{case.name}.** {accuracy(none).mean:.1f}% as it comes, {accuracy(adapted).mean:.1f}% "
        f"adapted when compiling ({difference(adapted, none)} points)"
    ]
    suffices = gap.low > -_SUFFICES * 2 and gap.mean > -_SUFFICES
    if suffices:
        parts.append(
            f"which is the digital model's within {_SUFFICES:g} point ({gap}): that suffices"
        )
    else:
        parts.append(f"{gap} points from the digital model")
    text = ", ".join(parts) + "."
    circuit = _of(case, f"{plan.CIRCUIT} + {ADAPTED}")
    gaussian = _of(case, f"{plan.GAUSSIAN} + {ADAPTED}")
    if circuit is not None:
        gain = difference(circuit, adapted)
        text += f" Training through the circuit on top: {_change(gain)}."
    if gaussian is not None:
        text += f" Gaussian training on top: {_change(difference(gaussian, adapted))}."
    if circuit is not None and gaussian is not None:
        between = difference(circuit, gaussian)
        text += f" Circuit against Gaussian: {_change(between)}."
    alone = {name: _of(case, name) for name in (plan.CIRCUIT, plan.GAUSSIAN)}
    for name, right in alone.items():
        if right is not None:
            text += (
                f" {name[0].upper()}{name[1:]} training without adaptation: "
                f"{accuracy(right).mean:.1f}%, {_change(difference(right, adapted))} against "
                "adaptation without training."
            )
    return text


def _change(value: Estimate) -> str:
    if not value.clear:
        return f"no clear difference ({value} points)"
    return f"{value} points"


def advice(cases: Sequence[Case], exact: Right | None) -> str:
    """For each case what suffices and what more brings, then what follows for a designer."""
    if exact is None:
        return "The digital model's accuracy is missing.\n"
    told = [case for case in cases if _of(case, "none") is not None and case.adapted is not None]
    lines = [f"- {_sum_up(case, exact)}" for case in told]
    return _rules(told, exact) + "\n" + "\n".join(lines) + "\n"


def _rules(cases: Sequence[Case], exact: Right) -> str:
    """Which hardware falls under which advice, by the same differences as the tables."""
    lists: dict[str, list[str]] = {}

    def note(head: str, text: str) -> None:
        lists.setdefault(head, []).append(text)

    for case in cases:
        adapted = case.adapted
        assert adapted is not None
        lost = difference(adapted, exact).mean
        if lost > -_SUFFICES:
            note(_ENOUGH, f"{case.name} ({lost:+.1f})")
        none, common = case.right.get("none"), case.right.get("common ADC")
        if none is not None and common is not None:
            own = difference(none, common)
            if own.low > 0:
                note(_COMMON, f"{case.name} ({own})")
        gain_alone = case.right.get("gain")
        if gain_alone is not None and case.row.target.wire.column_ohm > 0:
            over = difference(adapted, gain_alone)
            note(_WEIGHTS if over.low > 0 else _GAIN, f"{case.name} ({over})")
        won = False
        for method in (plan.CIRCUIT, plan.GAUSSIAN):
            both, alone = case.right.get(f"{method} + {ADAPTED}"), case.right.get(method)
            if both is not None:
                gain = difference(both, adapted)
                won = won or gain.low > 0
                if gain.clear:
                    note(_WORTH if gain.low > 0 else _HARM, f"{method}, {case.name} ({gain})")
            if alone is not None:
                instead = difference(alone, adapted)
                if instead.clear:
                    head = _INSTEAD if instead.low > 0 else _BEHIND
                    note(head, f"{method}, {case.name} ({instead})")
        tried = any(f"{m} + {ADAPTED}" in case.right for m in (plan.CIRCUIT, plan.GAUSSIAN))
        if tried and not won and lost <= -_SUFFICES:
            note(_LEFT, f"{case.name} ({lost:+.1f})")
    order = (_COMMON, _ENOUGH, _GAIN, _WEIGHTS, _WORTH, _LEFT, _HARM, _INSTEAD, _BEHIND)
    return "\n\n".join(f"{h}: {'; '.join(lists[h])}." for h in order if h in lists) + "\n"


def limits(settings: Settings) -> str:
    """What the numbers do not say."""
    return f"""## Limits

{settings.test} test glosses leave an accuracy uncertain by three points and a paired difference by
one or two. Every training starts from the same digital model and has {settings.tuned_steps} steps;
longer ones may bring more. Open rows and devices enter training in the cheaper forms described
above, which `aimc.torch` also has in full. Models that share one layer's tiles (ALBERT) were not
part of this.
"""


def lacking(cases: Sequence[Case], count: int) -> str:
    """Which cells are missing."""
    lines = [f"- {case.name}: {', '.join(case.missing)}" for case in cases if case.missing]
    if not lines:
        return f"## Missing cells\n\nNone: all {count} rows are complete.\n"
    head = "## Missing cells\n\nThe run that wrote this page had not reached:\n\n"
    return head + "\n".join(lines)
