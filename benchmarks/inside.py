"""How fast the inside of a network is shown: maps, sums, attributions beside Captum's own occlusion, channels.

    python -m benchmarks.inside [--runs quick best] [--rounds 5] [--images 1000] [--all]

Needs the data set. Asks in this process what the analyst is asked, of the shipped runs, with all caches of the analyst
warm but for the image, which is another one each time.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle

import numpy as np

from benchmarks.report import machine
from fmexplore.machine import prepare_process

prepare_process(trains=False)

import torch  # noqa: E402
from captum.attr import Occlusion  # noqa: E402

from fmexplore.analysis.images import data_set, network_of  # noqa: E402
from fmexplore.analysis.inside import (  # noqa: E402
    attribute_image,
    check_image,
    explain_value,
    passes_of,
    trace_image,
)
from fmexplore.analysis.task import NullProgress  # noqa: E402
from fmexplore.data.fashion_mnist import PLURALS  # noqa: E402
from fmexplore.evaluation.predictions import predict  # noqa: E402
from fmexplore.inside.ablation import measure_without, rank_channels  # noqa: E402
from fmexplore.inside.attributions import METHODS, Target  # noqa: E402
from fmexplore.inside.channels import MOST_EXCITED, find_responses, patches_of  # noqa: E402
from fmexplore.inside.cues import find_cues  # noqa: E402
from fmexplore.inside.fields import field_boxes  # noqa: E402
from fmexplore.inside.passes import as_input  # noqa: E402
from fmexplore.runs.run import Run  # noqa: E402
from fmexplore.settings import SHIPPED  # noqa: E402

TASK = NullProgress()


def median_ms(act: Callable[[], object], rounds: int) -> float:
    """The median of so many rounds; of one round it is not warmed up first."""
    if rounds > 1:
        act()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def captums_occlusion(run: Run, image: np.ndarray, label: int) -> None:
    """One position at a time, as it is by default."""
    Occlusion(network_of(run)).attribute(as_input(image[None]), (1, 5, 5), target=label, strides=(1, 1, 1))


def questions(run: Run, count: int, everything: bool = False) -> Iterator[tuple[str, Callable[[], object], bool]]:
    """What is asked, and whether it is quick enough for all rounds; what is asked of channels is with `everything`."""
    split, passes = data_set().test, passes_of(run)
    images = cycle(split.images)
    image, label, graph = split.images[0], int(split.labels[0]), passes.graph
    mapped = graph.mapped[-1]
    yield "maps of all layers, another image", lambda: trace_image(TASK, run, next(images)), True
    trace_image(TASK, run, image)
    yield "sum behind a pointed value", lambda: explain_value(TASK, run, image, mapped, 0), True
    yield "sum behind a logit", lambda: explain_value(TASK, run, image, graph.logits, label), True
    yield "receptive fields of a layer", lambda: field_boxes(graph, mapped), True
    for method in METHODS:
        yield f"{method}", partial(attribute_image, TASK, run, image, method, label), True
        if found := attribute_image(TASK, run, image, method, label):
            yield f"{method}, both checks", partial(check_image, TASK, run, image, found), True
    yield "occlusion, Captum one by one", lambda: captums_occlusion(run, image, label), False
    first, many = graph.mapped[0], split.take(np.arange(min(MOST_EXCITED, len(split))))
    few = split.take(np.arange(min(count, len(split))))
    for text, layer in (("first", first), ("last", mapped)):
        excite = partial(find_responses, passes, layer, many)
        yield f"what excites the {text} maps, {len(many):,} images", excite, everything
        channels, found = range(min(32, graph[layer].channels)), find_responses(passes, layer, few)
        cut = partial(patches_of, passes, layer, found, few.images, channels)
        yield f"patches of {len(channels)} channels of the {text} maps", cut, True
    held_out = data_set().select("validation", run.config.training.split_config)
    assert held_out is not None  # shipped runs have some
    for text, layer in (("first", first), ("last", mapped)):
        off = partial(measure_without, passes, layer, [0], held_out)
        yield f"a channel of the {text} maps off, {len(held_out):,} images", off, everything
    yield f"20 channels off, {len(few):,} images", lambda: measure_without(passes, mapped, [*range(20)], few), False
    yield f"ranking of the last maps, {len(few):,} images", lambda: rank_channels(passes, mapped, 8, few), everything
    predictions = predict(passes.network, held_out)
    known = predictions.labels[predictions.right]  # one of another data set may recognise few
    if len(known):
        target = Target(6 if 6 in known else int(known[0]))
        text = f"cues of {PLURALS[target.label]}, all validation images"
        yield text, lambda: find_cues(passes, target, held_out), False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=["quick", "best"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--all", action="store_true", help="all rounds also for what takes seconds of channels")
    arguments = parser.parse_args()
    print(machine(f"{torch.get_num_threads()} threads"))
    for name in arguments.runs:
        for text, act, is_quick in questions(Run(SHIPPED / name, shipped=True), arguments.images, arguments.all):
            print(f"{name:<8}{text:<50}{median_ms(act, arguments.rounds if is_quick else 1):9.1f} ms", flush=True)


if __name__ == "__main__":
    main()
