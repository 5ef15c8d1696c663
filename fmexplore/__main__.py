"""`python -m fmexplore`."""

from fmexplore.cli import main

main()
