"""Rules for the totals that a summary of a network prints. Knows rows of layers, not how they were recomputed."""

from fmexplore.checker.parse_summaries import Summary
from fmexplore.checker.results import Finding
from fmexplore.checker.single_change import LayerRow, count_of


def check_totals(summary: Summary, rows: list[LayerRow]) -> list[Finding]:
    """What each rule finds about the totals of a summary; a rule that lacks a printed number finds nothing."""
    found = (
        _layers_make_the_total(summary, rows),
        _parts_make_the_total(summary),
        _moving_statistics_are_not_trained(summary, rows),
        _bracketed_rows_are_not_trained(summary, rows),
    )
    return [finding for finding in found if finding]


def _layers_make_the_total(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    counts = [count_of(row) for row in rows if row.layer.counted]
    if summary.total is None or not counts or None in counts:
        return None
    printed, added = summary.total - summary.optimizer, sum(count or 0 for count in counts)
    norms = sum(count_of(row) or 0 for row in _batch_norms(rows)) if summary.words else 0
    if printed == added - norms // 2:  # torch's way to count them, or only those trained
        added -= norms // 2
    message = f"The layers add up to {added:,} parameters"
    if printed == added:
        return Finding("agrees", f"{message}, as printed.")
    extra = f" less {summary.optimizer:,} of the optimiser" if summary.optimizer else ""
    return Finding("contradicts", f"{message}, but the printed total is {summary.total:,}{extra}.")


def _parts_make_the_total(summary: Summary) -> Finding | None:
    total, trainable, frozen = summary.total, summary.trainable, summary.frozen
    if total is None or trainable is None or frozen is None:
        return None
    both = trainable + frozen + summary.optimizer
    if both == total:
        return None
    return Finding(
        "contradicts", f"{trainable:,} trainable and {frozen:,} other parameters make {both:,}, not {total:,}."
    )


def _moving_statistics_are_not_trained(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    """Keras counts four values for each channel: scale and offset, and the mean and variance, which are kept."""
    counts = [row.layer.parameters or 0 for row in _batch_norms(rows)]
    if summary.frozen is None or summary.style != "keras" or any(count % 4 for count in counts):
        return None
    moving = sum(count // 2 for count in counts)
    if summary.frozen >= moving:
        return None
    message = f"Batch normalisation keeps {moving:,} values that are not trained"
    return Finding("contradicts", f"{message}, but only {summary.frozen:,} non-trainable parameters are printed.")


def _bracketed_rows_are_not_trained(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    """torchinfo puts the parameters of a frozen layer in brackets."""
    if summary.frozen is None or summary.style != "torch":
        return None
    marked = sum(row.layer.parameters or 0 for row in rows if row.layer.frozen)
    if marked <= summary.frozen:
        return None
    message = f"The rows in brackets hold {marked:,} frozen parameters"
    return Finding("contradicts", f"{message}, but {summary.frozen:,} are printed.")


def _batch_norms(rows: list[LayerRow]) -> list[LayerRow]:
    return [row for row in rows if row.layer.kind == "batch_norm"]
