"""The table by which "I have M minutes" is answered: what our own presets reach after how many epochs.

    .venv/bin/python -m benchmarks.budget            # about 20 minutes; writes fmexplore/jobs/budget.json

Each training has the augmentation that suits its length (`budget.suit_augmentation`), learns from five sixths of the
training images and is evaluated on the 10,000 others; the test set is not read. One seed: between two seeds of `quick`
lie about 0.2 points, between neighbours in the table more. What docs/data/recipes.jsonl holds is not trained again.
Their speeds are timed at the end, for which the machine should be quiet.
"""

import argparse
import json

from benchmarks.recipes import NETWORKS, OUT, ROOT, keep, measure, variant
from fmexplore.jobs.budget import suit_augmentation
from fmexplore.training.execution import choose_execution
from fmexplore.training.presets import find_preset

POINTS = {"quick": (0.5, 1, 1.7, 4), "solid": (1, 3, 6), "best": (2, 5, 10)}


def find_stored(preset: str, text: str, epochs: float) -> dict | None:
    """The same training, if it is in docs/data/recipes.jsonl."""
    rows = [json.loads(line) for line in OUT.read_text().splitlines()] if OUT.exists() else []
    model, wanted = find_preset(preset).model, variant(text, epochs, 0)
    for row in rows:
        same = variant(row["settings"], row["epochs"], row["seed"]) == wanted
        if same and NETWORKS[row["network"]]() == model:
            return row
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    path = ROOT / "fmexplore" / "jobs" / "budget.json"
    rows = []
    for preset, lengths in POINTS.items():
        for epochs in lengths:
            how = suit_augmentation(epochs)
            text = " ".join(f"augmentation.{name}={value}" for name, value in how.model_dump().items())
            if (found := find_stored(preset, text, epochs)) is None:
                found = measure(preset, text, epochs, 0, "bf16")
                keep(found, OUT)
            rows.append({"preset": preset, "epochs": epochs, "accuracy": found["accuracy"]})
            print(rows[-1], flush=True)
    speeds = {}
    for preset in POINTS:
        config = find_preset(preset).config
        speeds[preset] = round(choose_execution(config.model, config.training).images_per_second)
    path.write_text(json.dumps({"images_per_second": speeds, "trainings": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
