"""`python -m fmexplore`, and the command `fmexplore` of an installation."""

from fmexplore.cli.app import main

if __name__ == "__main__":
    main()
