"""What each requirement weighs in the environment that runs this: the table in docs/architecture.md.

    .venv/bin/python -m tools.dependencies

Prints for each requirement the MB of its own files, and the MB with all that no other requirement brings.
"""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parent.parent


def requirements() -> list[str]:
    """The names in requirements.txt."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [canonicalize_name(line.split("==")[0]) for line in lines if line and line[0] not in "#-"]


def brought_by(name: str, requirements: list[str]) -> set[str]:
    """The installed packages that a requirement brings, directly or through others; no requirements themselves."""
    found: set[str] = set()
    left = [name]
    while left:
        for text in metadata.requires(left.pop()) or ():
            need = Requirement(text)
            each = canonicalize_name(need.name)
            wanted = need.marker is None or need.marker.evaluate({"extra": ""})
            if wanted and each not in found and each not in requirements and is_installed(each):
                found.add(each)
                left.append(each)
    return found


def is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def megabytes(*names: str) -> float:
    """The files of installed packages."""
    paths = [Path(str(file.locate())) for name in names for file in metadata.files(name) or ()]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    names = requirements()
    brought = {name: brought_by(name, names) for name in names}
    print(f"{'requirement':<14}{'MB':>8}{'with its own':>14}")
    for name in names:
        alone = brought[name].difference(*(brought[other] for other in names if other != name))
        large = [each for each in sorted(alone) if megabytes(each) > 10]
        print(f"{name:<14}{megabytes(name):>8.0f}{megabytes(name, *alone):>14.0f}  {', '.join(large)}")
    everything = set(names).union(*brought.values())
    print(f"{len(everything)} packages, {megabytes(*everything):,.0f} MB")


if __name__ == "__main__":
    main()
