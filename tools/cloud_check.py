"""Runs what is committed as Streamlit Community Cloud would, under its limits, and opens every page in Chromium.

    python -m tools.cloud_check [--environment FOLDER] [--python python3.12] [--megabytes 2700] [--keep]

Needs Linux, requirements-dev.txt, Chromium and Debian's packages in packages.txt. Without `--environment` it makes one
from requirements.txt alone (some 7 GB, minutes) and deletes it at the end. The server gets two cores, a checkout and an
environment that are mounted read-only, a home folder with nothing but secrets.toml, and the options that Community
Cloud sets. Where control groups can be made (as root) one holds so much memory and no more; elsewhere the sum of all
processes is only watched. Prints for each page the seconds until it can be used and the memory (PSS, in MB) of server,
analyst and workers. Ends with 1 and the reasons when a page shows an error, a picture is missing, the console or the
server's log has an error, or the memory does not suffice.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.chromium import SIZE, launch
from tools.cloud_server import Server
from tools.cloud_visitor import Visitor, visit

PROJECT = Path(__file__).resolve().parent.parent
SECRETS = 'FMEXPLORE_HOSTED = "1"\nFMEXPLORE_MAX_MEMORY_MB = "{megabytes}"\n'


def prepare(base: Path, arguments: argparse.Namespace) -> Path:
    """Copy what is committed to `base`/src, and give the Python of an environment with requirements.txt."""
    for package in (PROJECT / "packages.txt").read_text().split():
        if subprocess.run(["dpkg-query", "-s", package], capture_output=True).returncode:
            sys.exit(f"{package} of packages.txt is not installed: apt-get install {package}")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=PROJECT, check=True, capture_output=True).stdout
    source = base / "src"
    source.mkdir()
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    (base / "home" / ".streamlit").mkdir(parents=True)
    (base / "home" / ".streamlit" / "secrets.toml").write_text(SECRETS.format(megabytes=arguments.megabytes))
    (base / "tmp").mkdir()
    if arguments.environment:
        return arguments.environment.resolve() / "bin" / "python"
    started, environment = time.monotonic(), base / "environment"
    subprocess.run([arguments.python, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "-r", str(source / "requirements.txt")]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"requirements.txt cannot be installed:\n{done.stderr}")
    kilobytes = int(subprocess.run(["du", "-sk", str(environment)], capture_output=True, text=True).stdout.split()[0])
    print(f"environment from requirements.txt: {time.monotonic() - started:.0f} s, {kilobytes / 1e6:.1f} GB")
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, help="one with requirements.txt, instead of a new one")
    parser.add_argument("--python", default=sys.executable, help="what the new environment is made with")
    parser.add_argument("--megabytes", type=int, default=2700, help="memory of all processes together")
    parser.add_argument("--keep", action="store_true", help="keep the log and pictures of problems")
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="cloud_check_"))
    server = None
    try:
        python = prepare(base, arguments)
        server = Server(base, python, arguments.megabytes)
        kind = "held by a control group" if server.group.folder else "only watched"
        print(f"{len(server.cores)} cores, {arguments.megabytes} MB, {kind}")
        print(f"{'':<54}{'server':>9}{'analyst':>9}{'workers':>9}{'all':>9} MB")
        server.start()
        with sync_playwright() as playwright:
            browser = launch(playwright)
            visitor = Visitor(browser.new_page(viewport=SIZE), server)
            visit(visitor)
            browser.close()
        print(f"{'at most':<54}" + "".join(f"{weight:9.0f}" for weight in server.peak.values()))
        problems, log = visitor.problems, server.log.read_text()
        if server.peak["all"] > arguments.megabytes:
            problems.append(f"all processes together took {server.peak['all']:.0f} MB")
        if kills := server.group.kills():
            problems.append(f"{kills} processes were killed for lack of memory")
        if server.process.poll() is not None:
            problems.append("the server ended")
        if "Traceback" in log:
            problems.append(f"the server's log has an error:\n{log}")
    finally:
        if server:
            server.close()
        if arguments.keep:
            print(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    print(f"{len(problems)} problems" if problems else "All is well.")
    for problem in problems:
        print(f"- {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
