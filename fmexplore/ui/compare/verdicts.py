"""Whether runs differ significantly: the sentence above the Compare page, a card for each test, what was tested."""

from collections.abc import Sequence

import streamlit as st

from fmexplore.evaluation.significance import PairedComparison
from fmexplore.ui import formatting, session, url, widgets
from fmexplore.ui.formatting import num
from fmexplore.ui.selection.runs import Compared

ABREAST = 3  # verdicts in a row, where there are several


def tell_finding(
    runs: Sequence[Compared], reference: Compared, others: Sequence[Compared], verdicts: Sequence[PairedComparison]
) -> str:
    """The result in words; `others` are the tested runs, one for each verdict where the reference is tested too."""
    name = formatting.plain(reference.name)
    if not verdicts:
        if len(others) > 1:
            return f"{name} is not tested: choose another run to test against"
        if any(each.status.active for each in runs):
            return "The runs are tested when two of them have ended"
        return "No test: it needs two finished runs with weights or predictions"
    if len(verdicts) == 1:
        (verdict,), other = verdicts, formatting.plain(others[0].name)
        better, worse = (other, name) if verdict.gain > 0 else (name, other)
        points, p_value = f"{num(100 * abs(verdict.gain)):.1f} points", formatting.p_value(verdict.p_value)
        if verdict.significant:
            return f"{better} is better than {worse}, by {points}: statistically significant ({p_value})"
        return f"{name} and {other} differ by {points}: not statistically significant ({p_value})"
    better = sum(verdict.significant and verdict.gain > 0 for verdict in verdicts)
    worse = sum(verdict.significant and verdict.gain < 0 for verdict in verdicts)
    counts = {
        "significantly better": better,
        "significantly worse": worse,
        "not significantly different": len(verdicts) - better - worse,
    }
    parts = [f"{count} {'is' if count == 1 else 'are'} {what}" for what, count in counts.items() if count]
    if len(parts) == 1:
        return f"Against {name}, {'both' if len(verdicts) == 2 else 'all'} {parts[0].partition(' ')[2]}"
    return f"Against {name}, of {len(verdicts)} runs {' and '.join(parts)}"


def show_verdicts(
    runs: Sequence[Compared], reference: Compared, others: Sequence[Compared], verdicts: Sequence[PairedComparison]
) -> None:
    """A card for each of `others`, with links to the images that decide; below them how all was tested."""
    abreast = min(len(verdicts), ABREAST)
    for start in range(0, len(others), abreast):
        some = slice(start, start + abreast)
        for column, other, verdict in zip(st.columns(abreast), others[some], verdicts[some]):
            with column:
                _card(reference, other, verdict)
    st.caption(_method(runs, verdicts))
    left_out = [each for each in runs if each not in (reference, *others)]
    for words, active in (("Not tested yet", True), ("Cannot be tested", False)):
        if names := [formatting.plain(each.name) for each in left_out if each.status.active == active]:
            st.caption(f"{words}: {', '.join(names)}.")


def _card(reference: Compared, other: Compared, verdict: PairedComparison) -> None:
    names = [formatting.plain(each.name) for each in (reference, other)]
    with st.container(border=True, key=f"verdict_{other.run.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{names[1]}** against **{names[0]}**", width="content")
            if any(each.config.training.peeks for each in (reference, other)):
                widgets.peeks_badge()
        st.markdown(
            f"{num(100 * verdict.gain):+.2f} ± {num(100 * verdict.margin):.2f} points. ".replace("-", "−")
            + formatting.verdict(verdict, *names)
        )
        place = {"run": reference.run.id, "view": "runs", "split": "test", "other": other.run.id}
        counts = (*verdict.counts, len(verdict.disagreement.both_wrong))
        labels = (
            f"that only {names[0]} gets right",
            f"that only {names[1]} gets right",
            "that both get wrong, in different ways",
        )
        for side, count, label in zip(url.SIDES, counts, labels, strict=True):
            if count:
                st.page_link(
                    session.CONFUSIONS_PAGE,
                    label=f"See {num(count):,} {'image' if count == 1 else 'images'} {label}",
                    query_params={**place, "right": side},
                )


def _method(runs: Sequence[Compared], verdicts: Sequence[PairedComparison]) -> str:
    """What was tested, and what that does not tell."""
    text = (
        f"McNemar's exact test on the same {num(verdicts[0].images):,} test images: only those count that exactly "
        "one of the two gets right. p is the probability that two equally good networks differ at least as much by "
        "chance. "
    )
    if len(verdicts) > 1:
        text += (
            f"With {len(verdicts)} tests one may look significant by chance: Holm's correction has raised their p to "
            "allow for that. "
        )
    if len({each.config.training.split_config for each in runs}) > 1:
        text += "Their validation images are not the same, so those are not tested. "
    for each in runs:
        if each.config.training.peeks:
            text += (
                f"{formatting.plain(each.name)} used the test set for validation: its accuracy is a little too good. "
            )
    if not all(verdict.significant for verdict in verdicts):
        text += "A difference that is not significant is not proved to be zero. "
    return (
        text + "Another seed of the same training may change the accuracy by more: train several seeds "
        "before you trust a setting."
    )
