"""Makes the file from which the data set's rows are put into the authors' order: `python -m tools.data_order`."""

import numpy as np

from fmexplore.data import fashion_mnist
from fmexplore.data.sources import ORDER, sort_by_digest


def main() -> None:
    images = fashion_mnist.load()
    parts = (images.train, images.test)
    train, test = (sort_by_digest(part.images, part.labels).astype(np.uint16) for part in parts)
    np.savez(ORDER, train=train, test=test)
    print(f"{ORDER}: {ORDER.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
