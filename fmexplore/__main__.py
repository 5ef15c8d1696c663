"""`python -m fmexplore`."""

from fmexplore.cli.app import main

main()
