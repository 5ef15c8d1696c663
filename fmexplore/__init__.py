"""fmexplore: explore how a CNN learns Fashion-MNIST."""

import sys

__version__ = "0.1.0"

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    raise SystemExit(
        f"fmexplore needs Python 3.11, 3.12 or 3.13, and this is {sys.version.split()[0]}: "
        "make an environment with one of those."
    )
