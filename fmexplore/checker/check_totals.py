"""Rules for the totals that a summary of a network prints. Knows rows of layers, not how they were recomputed."""

from fmexplore.checker.results import Finding
from fmexplore.checker.single_change import LayerRow, count_of
from fmexplore.checker.summaries import Summary


def check_totals(summary: Summary, rows: list[LayerRow]) -> list[Finding]:
    """What each rule finds about the totals of a summary; a rule that lacks a printed number finds nothing."""
    found = (
        _layers_make_the_total(summary, rows),
        _parts_make_the_total(summary),
        _moving_statistics_are_not_trained(summary, rows),
        _marked_rows_are_not_trained(summary, rows),
    )
    return [finding for finding in found if finding]


def _layers_make_the_total(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    totals = summary.totals
    counted = [row for row in rows if row.layer.counted]
    if totals.rounded or any(row.layer.rounded and row.layer.parameters is None for row in counted):
        return _rounded_layers_make_the_total(summary, counted)
    counts = [count_of(row) for row in counted if row.layer.kind != "container" or count_of(row) is not None]
    printed = totals.total
    if printed is None or not counts or not summary.complete:
        return None
    printed -= totals.optimizer
    lines = totals.lines[:1]
    added = sum(count or 0 for count in counts)
    if None in counts:
        if summary.style == "keras" and not summary.words and printed < added and not _may_share(summary, counted):
            text = (
                f"The layers whose parameters are printed already have {added:,}, more than the total of {printed:,}."
            )
            return Finding("contradicts", text, lines)
        return None
    if summary.words:
        norms = sum(count_of(row) or 0 for row in _batch_norms(rows))
        added -= norms // 2 if printed == added - norms // 2 else 0  # torch's way to count, or only those trained
    message = f"The layers add up to {added:,} parameters"
    sums = " + ".join(f"{count:,}" for count in counts[:40] if count) + (" + ..." if len(counts) > 40 else "")
    if printed == added:
        return Finding("agrees", f"{message}, as printed.", lines, sums)
    extra = f" less {totals.optimizer:,} of the optimiser" if totals.optimizer else ""
    text = f"{message}, but the printed total is {totals.total:,}{extra}."
    if why := _why_another_total(summary, rows, printed, added):
        return Finding("note", f"{text} {why}", lines)
    return Finding("contradicts", text, lines, f"{sums} = {added:,}")


def _why_another_total(summary: Summary, rows: list[LayerRow], printed: int, added: int) -> str:
    """How the total can be another than the sum of the layers; empty where it cannot."""
    totals = summary.totals
    if summary.form in ("PyTorch module", "fastai summary"):
        return "A module can have parameters of its own, or share some, which are not printed."
    if totals.frozen == added and totals.trainable and printed == added + totals.trainable:
        return "Keras counts weights twice that were frozen after compiling."
    if printed > added and _may_have_more(summary, rows):
        return "The model can have parameters that are in none of the rows."
    if printed < added and _may_share(summary, [row for row in rows if row.layer.counted]):
        return "Rows that stand for several layers can share some of them."
    return ""


def _may_have_more(summary: Summary, rows: list[LayerRow]) -> bool:
    """Keras counts variables of the model itself, or of what it does not print as a layer, only in the total."""
    return summary.own or any(
        row.layer.kind == "" and row.layer.parameters == 0 and "lambda" in row.layer.type.lower() for row in rows
    )


def _may_share(summary: Summary, rows: list[LayerRow]) -> bool:
    """Rows that stand for networks of their own can hold the same layers, which count once."""
    if summary.form == "torchsummary":
        return False
    several = [row for row in rows if row.layer.kind in ("", "container") and row.layer.parameters]
    return len(several) > (0 if summary.words else 1)


def _rounded_layers_make_the_total(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    totals = summary.totals
    spans = [row.layer.rounded or (row.layer.parameters, row.layer.parameters) for row in rows]
    printed = totals.rounded or ((totals.total, totals.total) if totals.total is not None else None)
    if printed is None or not spans or not summary.complete:
        return None
    low, high = (sum(span[end] or 0 for span in spans) for end in (0, 1))
    if any(None in span for span in spans):
        return None
    if low <= (printed[1] or 0) and (printed[0] or 0) <= high:
        text = f"The rows add up to {low:,} to {high:,} parameters, which allows the printed total."
        return Finding("agrees" if sum(span != (0, 0) for span in spans) else "note", text, totals.lines[:1])
    text = f"The rows add up to {low:,} to {high:,} parameters, which is not the printed total: the model can have"
    return Finding("note", f"{text} parameters outside its parts, and parts can share some.", totals.lines[:1])


def _parts_make_the_total(summary: Summary) -> Finding | None:
    totals = summary.totals
    total, trainable, frozen = totals.total, totals.trainable, totals.frozen
    if total is None or trainable is None or frozen is None:
        return None
    both = trainable + frozen + totals.optimizer
    if both == total:
        return None
    if summary.form in ("fastai summary", "PyTorch module"):
        return None
    sums = f"{trainable:,} + {frozen:,}" + (f" + {totals.optimizer:,}" if totals.optimizer else "") + f" = {both:,}"
    text = f"{trainable:,} trainable and {frozen:,} other parameters make {both:,}, not {total:,}."
    return Finding("contradicts", text, totals.lines[:3], sums)


def _moving_statistics_are_not_trained(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    """Keras counts up to four values for each channel: scale and offset, and the mean and variance, which are kept."""
    frozen = summary.totals.frozen
    if frozen is None or summary.form != "Keras summary":
        return None
    moving = 0
    for row in _batch_norms(rows):
        if not row.layer.counted or not row.reading or row.guess:
            continue
        count = row.layer.parameters or 0
        axes = {size for size in row.reading.output or () if size and count in (2 * size, 3 * size, 4 * size)}
        moving += min((2 * size for size in axes), default=0)
    if frozen >= moving:
        return None
    message = f"Batch normalisation keeps {moving:,} values that are not trained"
    text = f"{message}, but only {frozen:,} non-trainable parameters are printed."
    return Finding("contradicts", text, summary.totals.lines[-1:])


def _marked_rows_are_not_trained(summary: Summary, rows: list[LayerRow]) -> Finding | None:
    """torchinfo puts the parameters of a frozen layer in brackets; Keras has a column for what is trained."""
    frozen = summary.totals.frozen
    if frozen is None or summary.form == "fastai summary":
        return None
    own = [row for row in rows if row.layer.frozen and row.layer.counted]
    if _may_share(summary, own):
        return None
    marked = sum(row.layer.parameters or 0 for row in own)
    if marked <= frozen:
        return None
    how = "in brackets" if summary.style == "torch" else "that are not trained"
    text = f"The rows {how} hold {marked:,} frozen parameters, but {frozen:,} are printed."
    return Finding("contradicts", text, (*(row.layer.line for row in own), *summary.totals.lines[-1:]))


def _batch_norms(rows: list[LayerRow]) -> list[LayerRow]:
    return [row for row in rows if row.layer.kind == "batch_norm"]
