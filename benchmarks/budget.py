"""The table by which "I have M minutes" is answered: what our own presets reach after how many epochs.

    .venv/bin/python benchmarks/budget.py            # about 45 minutes; writes fmexplore/budget.json

Each training has the augmentation that suits its length (`budget.suit_augmentation`), learns from five sixths of the
training images and is judged on the 10,000 others; the test set is not read. One seed: between two seeds of `quick`
lie about 0.2 points, between neighbours in the table more.
"""

import argparse
import json

from recipes import ROOT, measure

from fmexplore.budget import suit_augmentation

POINTS = {"quick": (0.5, 1, 2, 4, 8), "solid": (1, 2, 3, 5, 8), "best": (2, 4, 8, 16)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    path = ROOT / "fmexplore" / "budget.json"
    rows = []
    for preset, lengths in POINTS.items():
        for epochs in lengths:
            how = suit_augmentation(epochs)
            text = " ".join(f"augmentation.{name}={value}" for name, value in how.model_dump().items())
            found = measure(preset, text, epochs, 0, "bf16")
            rows.append(
                {"preset": preset, "epochs": epochs, "accuracy": found["accuracy"], "seconds": found["seconds"]}
            )
            print(rows[-1], flush=True)
            path.write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
