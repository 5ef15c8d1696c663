"""The robustness that a paper promises and does not measure, and what all the papers' networks show of it here.

"Conquering Fashion MNIST with CNNs using Computer Vision" (Shankaran J, Ritesh Kanna K H) prints neither a network nor
a figure. A promise *holds* where every measured network keeps nine tenths of what it recognises unchanged, and *fails*
where none does. Where it depends on the network, which is not printed, it *cannot be known*. Trains nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import ChangedImages, Find
from fmexplore.papers.verdicts import AssessedClaim, Verdict
from fmexplore.robustness.changes import CHANGES
from fmexplore.robustness.sheet import CLEAN, Row, Tally
from fmexplore.training.hardening import trained_against

PAPER = "shankaran"  # beside the ids of the systems; it has none of its own
SOURCE = "Conquering Fashion MNIST with CNNs using Computer Vision (Shankaran J, Ritesh Kanna K H)"
COMMAND = "python -m fmexplore reproduce --all --robustness"
SEVERITY = 3  # the middle one
KEPT = 0.9  # of what is recognised unchanged
LIGHT = ("gain", "offset", "gamma", "gradient", "contrast")
PROMISED = dict.fromkeys(LIGHT, "lighting") | {"rotation": "rotation", "scale": "scale"}  # by change


@dataclass(frozen=True)
class Measured:
    """What a system's network makes of the promised changes at the middle severity."""

    system: str
    clean: Tally
    changed: dict[str, Tally]  # by change, as in `PROMISED`
    hardened: frozenset[str]  # the changes that it was trained with

    def keeps(self, change: str) -> bool:
        """Whether it still recognises nine tenths of what it recognises unchanged."""
        return self.changed[change].accuracy >= KEPT * self.clean.accuracy


def measured_systems(find: Find) -> list[Measured]:
    """Those of the papers' systems that were tried on changed images."""
    return [_measured(name, known) for name in PRINTED if (known := find(name).robustness)]


def _measured(system: str, known: ChangedImages) -> Measured:
    def tally(row: Row) -> Tally:
        return Tally(known.right[row.change][max(row.severity, 1) - 1], known.images)

    changed = {name: tally(Row(name, SEVERITY)) for name in PROMISED}
    return Measured(system, tally(CLEAN), changed, trained_against(known.config.training) & PROMISED.keys())


def assess_promises(systems: Sequence[Measured]) -> list[AssessedClaim]:
    """A claim for each promised change, with its verdict."""
    return [_assess(change, about, systems) for change, about in PROMISED.items()]


def _assess(change: str, about: str, systems: Sequence[Measured]) -> AssessedClaim:
    kind = CHANGES[change]
    name = f"Robust to {about}: images {kind.phrase.format(f'{kind.amount(SEVERITY):g}')}"
    printed = "promised, not measured"
    if not systems:
        return AssessedClaim(name, printed, "", "not trained yet", f"Train and try them with: {COMMAND}")
    keeping = sum(each.keeps(change) for each in systems)
    verdict: Verdict = "fails" if not keeping else "holds" if keeping == len(systems) else "cannot be known"
    shares = [each.changed[change].accuracy for each in systems]
    found = " to ".join(dict.fromkeys(f"{100 * share:.1f}" for share in (min(shares), max(shares)))) + " %"
    best = max(systems, key=lambda each: each.changed[change].accuracy)
    tally = best.changed[change]
    low, high = (100 * each for each in tally.interval)
    partly = "" if len(systems) == len(PRINTED) else f" tried so far, of {len(PRINTED)},"
    reason = (
        f"{keeping} of {len(systems)} networks{partly} keep nine tenths of what they recognise unchanged. The best, "
        f"{best.system}, recognises {100 * tally.accuracy:.1f} % (95 % interval {low:.1f} to {high:.1f} %, n = "
        f"{tally.images:,}), and {100 * best.clean.accuracy:.1f} % unchanged."
    )
    if change in best.hardened:
        reason += " It was trained with this change."
    return AssessedClaim(name, printed, found, verdict, reason)
