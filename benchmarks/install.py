"""Install the peers into the Python that runs this, one after the other; `make bench` runs it.

    python benchmarks/install.py [--light]

Whoever cannot be installed does not stop the others: why is kept beside the interpreter, in
`not-installed.json`, and told in the table. It runs before anything is installed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).with_name("peers.txt")
REASONS = Path(sys.prefix) / "not-installed.json"
HEAVY = "torch"  # how lines are marked that are not for everybody
LIMIT_S = 1_800.0  # for one peer; torch has some gigabytes


def main() -> None:
    """Install, and write down what was not."""
    parser = argparse.ArgumentParser(description="Install the peers of the benchmarks.")
    parser.add_argument("--light", action="store_true", help="without those that need torch")
    light = parser.parse_args().light
    reasons: dict[str, str] = {}
    for line in PEERS.read_text(encoding="utf-8").splitlines():
        requirement, _, mark = (part.strip() for part in line.partition("#"))
        if not requirement:
            continue
        if light and mark == HEAVY:
            reason = "left out: it needs torch (PEERS=light)"
        else:
            print(requirement, flush=True)
            reason = installed(requirement)
        if reason:
            reasons[requirement.partition("==")[0]] = reason
            print(f"  {reason}", flush=True)
    REASONS.write_text(json.dumps(reasons, indent=1), encoding="utf-8")


def installed(requirement: str) -> str:
    """Why it was not; empty when it was."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*pip, requirement], check=False, capture_output=True, text=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return f"not installed within {LIMIT_S:g} s"
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    return (
        (errors[-1] if errors else f"pip ended with {done.returncode}") if done.returncode else ""
    )


if __name__ == "__main__":
    main()
