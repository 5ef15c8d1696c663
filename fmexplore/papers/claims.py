"""What the papers claim about each network, with a verdict: printed results, and statements in text and tables.

Knows the papers and the stored trainings; trains nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import class_report, most_confused
from fmexplore.evaluation.predictions import find_overfitting
from fmexplore.models.layers import Conv, MaxPool
from fmexplore.models.table import parameters, summarize
from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import Find, Reproduction, Training, least_disturbed
from fmexplore.papers.verdicts import (
    AssessedClaim,
    Verdict,
    assess_f1,
    assess_metric,
    published_trainings,
    spread_of,
    untrained,
)
from fmexplore.training.published import find_system

Assessment = tuple[str, Verdict, str]  # what came out here, the verdict, its reason


@dataclass(frozen=True)
class Claim:
    """A statement of a paper other than a printed metric."""

    about: str
    printed: str
    assess: Callable[..., Assessment]  # of the system's trainings and, if it is named, those of `other`
    other: str = ""
    by_reading: bool = False  # needs no training


def assess_claims(reproduction: Reproduction, find: Find) -> list[AssessedClaim]:
    """All claims about a system with their verdicts, printed metrics first.

    Args:
        reproduction: the trainings of the system.
        find: gives those of another system by its id, where a claim compares the two.
    """
    system, trainings = reproduction.system, published_trainings(reproduction)
    printed = PRINTED[system]
    found = [assess_metric(reproduction, measure, value) for measure, value in printed.metrics.items()]
    if printed.report:
        found.append(assess_f1(printed.report, reproduction))
    for claim in _CLAIMS.get(system, ()):
        others = [published_trainings(find(claim.other))] if claim.other else []
        needed = [] if claim.by_reading else [trainings, *others]
        if all(needed):
            found.append(AssessedClaim(claim.about, claim.printed, *claim.assess(*needed)))
        else:
            found.append(untrained(claim.about, claim.printed, system))
    return found


def accuracy_bounds(recalls: Sequence[float], accuracy: float) -> tuple[float, float]:
    """The range in which an accuracy must lie, by the recalls and the rounded accuracy that are printed with it.

    >>> accuracy_bounds([0.90, 0.92], 0.91)
    (90.5, 91.5)

    Args:
        recalls: of all classes, 0 to 1, rounded to two digits; the classes have equally many images.
        accuracy: 0 to 1, rounded to two digits.

    Returns:
        The lowest and the highest possible accuracy, in percent.
    """
    mean = float(np.mean(recalls))
    low, high = max(mean, accuracy) - 0.005, min(mean, accuracy) + 0.005
    return round(100 * low, 2), round(100 * high, 2)


def _report_of_matrix() -> Assessment:
    printed = PRINTED["codered-final"]
    assert printed.matrix is not None
    assert printed.report is not None
    matrix = np.array(printed.matrix)
    mine = [[row[name] for row in class_report(matrix)] for name in ("precision", "recall", "f1")]
    theirs = [printed.report.precision, printed.report.recall, printed.report.f1]
    agree = int((np.abs(np.array(mine) - np.array(theirs)) <= 0.005 + 1e-9).sum())
    return (
        f"{100 * np.trace(matrix) / matrix.sum():.2f} % right",
        "holds" if agree == np.size(theirs) else "contradicts itself",
        f"Precision, recall and F1 recomputed from the printed matrix: {agree} of {np.size(theirs)} figures agree.",
    )


def _pool_after_third() -> Assessment:
    model = find_system("codered-final").model
    last = max(number for number, layer in enumerate(model.layers) if isinstance(layer, Conv))
    place = last + 2  # after its activation
    pooled = model.replace(layers=(*model.layers[:place], MaxPool(), *model.layers[place:]))
    fits, other = (parameters(summarize(each)) for each in (model, pooled))
    return (
        f"{other:,} with it",
        "contradicts itself",
        f"Without padding, as in its base network, a pool after the third convolution leaves {other:,} parameters; the "
        f"{fits:,} that are printed fit only without it.",
    )


def _most_confused(trainings: Sequence[Training]) -> Assessment:
    pairs = [{CLASS_NAMES[label] for label in most_confused(np.array(each.confusion))} for each in trainings]
    same = sum(pair == {"Shirt", "T-shirt/top"} for pair in pairs)
    return (
        " and ".join(sorted(pairs[0])),
        "holds" if same == len(pairs) else "fails",
        f"The largest cell off the diagonal is the same as theirs in {same} of our {len(pairs)} matrices.",
    )


def _other_machine(trainings: Sequence[Training]) -> Assessment:
    ours = spread_of([100 * each.result.test_accuracy for each in trainings])
    spread = 2 * 2**0.5 * ours.deviation  # two standard deviations of a difference
    explained = spread >= 91.68 - 90.84
    return (
        str(ours),
        "fails" if explained else "cannot be known",
        f"One run on each tells little: two of ours, on one machine, differ by up to {spread:.2f} points by chance, "
        f"{'more' if explained else 'less'} than the 0.84 between theirs.",
    )


def _epoch_seconds(trainings: Sequence[Training]) -> Assessment:
    quiet = least_disturbed(trainings)
    seconds = quiet.seconds / len(quiet.epochs)
    where = f"{trainings[0].cores} cores of {trainings[0].processor}"
    return f"{seconds:.1f} s", "cannot be known", f"Our times are from {where}: another machine, other code."


def _abstract(system: str, value: int) -> Claim:
    def assess_abstract() -> Assessment:
        printed = PRINTED[system]
        assert printed.report is not None
        beside = printed.metrics["test_accuracy"]
        low, high = accuracy_bounds(printed.report.recall, beside / 100)
        return (
            f"{low:g} to {high:g} %",
            "holds" if value - 0.5 < high and low < value + 0.5 else "contradicts itself",
            f"The printed recalls, and the printed accuracy of {beside:g} %, allow {low:g} to {high:g} %.",
        )

    return Claim("Test accuracy in the abstract", f"{value} %", assess_abstract, by_reading=True)


def _first_parameters() -> Assessment:
    count = next(row.parameters for row in summarize(find_system("venkatesh-initial").model) if row.parameters)
    reason = "16 filters of 3 x 3 weights and a bias each; the paper's other table gives the right number."
    return str(count), "contradicts itself", reason


def _overfits_from(trainings: Sequence[Training]) -> Assessment:
    lowest = [1 + int(np.argmin([epoch.validation_loss or 0 for epoch in each.epochs])) for each in trainings]
    ours = spread_of(lowest, "epochs")
    when = " or ".join(map(str, sorted(set(lowest))))
    return (
        f"{ours.mean:.1f}",
        "holds" if abs(10 - ours.mean) <= max(2 * ours.deviation, 2) else "fails",
        f"Our validation loss is lowest after {when} epochs, and rises from there.",
    )


def _greater_performance(trainings: Sequence[Training], before: Sequence[Training]) -> Assessment:
    def means(each: Sequence[Training]) -> tuple[float, float]:
        held_out = np.mean([100 * (one.result.validation_accuracy or 0) for one in each])
        return float(held_out), float(np.mean([100 * one.result.seen_accuracy for one in each]) - held_out)

    (accuracy, gap), (accuracy_before, gap_before) = means(trainings), means(before)
    rose = accuracy > accuracy_before
    return (
        f"{accuracy:.2f} against {accuracy_before:.2f} %",
        "holds" if rose else "fails",
        f"Its validation accuracy is {'higher' if rose else 'lower, in the paper and here'}; the gap to training went "
        f"from {gap_before:.1f} to {gap:.1f} points. A smaller gap is not a better network.",
    )


def _no_overfitting(trainings: Sequence[Training]) -> Assessment:
    epochs = trainings[0].epochs
    lowest = find_overfitting([each.seen_loss for each in epochs], [each.test_loss for each in epochs])
    gap = 100 * (epochs[-1].seen_accuracy - epochs[-1].test_accuracy)
    if lowest is None:
        return f"a gap of {gap:.1f} points", "holds", "Our test loss does not rise."
    return (
        f"a gap of {gap:.1f} points",
        "fails",
        f"Our test loss is lowest after {lowest + 1} epochs, {epochs[lowest].test_loss:.3f}, and rises to "
        f"{epochs[-1].test_loss:.3f}, while {100 * epochs[-1].seen_accuracy:.1f} % of the training images are right.",
    )


def _reading(about: str, printed: str, verdict: Verdict, reason: str) -> Claim:
    """A claim whose verdict needs no number of ours."""
    return Claim(about, printed, lambda: ("", verdict, reason), by_reading=True)


_CLAIMS: dict[str, Sequence[Claim]] = {
    "codered-final": (
        Claim("Its matrix and its report", "91.68 %", _report_of_matrix, by_reading=True),
        Claim("Most confused", "Shirt and T-shirt/top", _most_confused),
        Claim("A max-pool after every convolution", "590,346 parameters", _pool_after_third, by_reading=True),
        Claim("The machine makes the difference", "91.68 against 90.84 %", _other_machine),
        Claim("Seconds an epoch", "41 to 42, on Colab 60 to 69", _epoch_seconds),
        _reading(
            "Converted with OpenVINO",
            "IR version 11",
            "cannot be known",
            "The converted network was never run: no accuracy and no latency are printed.",
        ),
    ),
    "team4-cnn": (
        _abstract("team4-cnn", 91),
        _reading(
            "Batch normalisation helps",
            "in the text",
            "contradicts itself",
            "The description of the architecture has none. We put it after each convolution.",
        ),
    ),
    "team4-ann": (
        _abstract("team4-ann", 89),
        _reading(
            "Batch normalisation helps",
            "in the text",
            "contradicts itself",
            "The description of the architecture has none, and we put none there.",
        ),
    ),
    "venkatesh-initial": (
        Claim("Overfits from epoch", "10", _overfits_from),
        Claim("Parameters of the first convolution", "169", _first_parameters, by_reading=True),
        _reading(
            "Training images",
            "roughly 22,000",
            "contradicts itself",
            "No split of 60,000 images gives that; 48,000 and 12,000 fit the stated 20 %.",
        ),
        _reading(
            "Filters of the first convolution",
            "32",
            "contradicts itself",
            "Its own table has 16, and the parameter counts fit 16 only.",
        ),
        _reading("Minutes of training", "45", "cannot be known", "The machine is not named."),
    ),
    "venkatesh-optimised": (
        Claim("Performance much greater than before", "88.96 against 91 %", _greater_performance, "venkatesh-initial"),
        _reading(
            "Its two summaries",
            "printed as tables",
            "contradicts itself",
            "They are printed under each other's names, and neither has the dropout layer.",
        ),
        _reading(
            "Confidence on a new photo", "71 %", "cannot be known", "It is a single photo, and it is not printed."
        ),
    ),
    "patel-final": (
        Claim("No overfitting", "no training figure", _no_overfitting),
        _reading(
            "30 photos from the web",
            "few images correct",
            "cannot be known",
            "No count and no photos are printed. They were never inverted, trimmed or centred: Predict shows what that "
            "costs.",
        ),
        _reading(
            "The projector shows what the network learnt",
            "a picture",
            "fails",
            "It was given raw pixels, not the features of a network. Embeddings shows both.",
        ),
    ),
}
