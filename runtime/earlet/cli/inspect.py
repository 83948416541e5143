"""`earlet bundles`, `earlet verify` and `earlet devices`: what is there, and is it sound?"""

import argparse
import sys
from typing import Any

from earlet import bundle as bundles
from earlet.audio import portaudio
from earlet.bundle import Bundle
from earlet.errors import EarletError, printable
from earlet.verify import verify


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("bundles", help="list the bundles on the search path")
    parser.set_defaults(run=run_bundles)
    parser = commands.add_parser(
        "verify",
        help="does a bundle give the right answers on this device?",
        description="Run a bundle's stored input on this device, stage by stage.",
    )
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", help="a name or a path")
    parser.set_defaults(run=run_verify)
    parser = commands.add_parser("devices", help="list the microphones")
    parser.set_defaults(run=run_devices)


def run_bundles(_: argparse.Namespace) -> int:
    """One line for each bundle; a damaged one is named on stderr."""
    failed = 0
    for path in bundles.installed():
        try:
            manifest = Bundle(path).manifest
        except EarletError as problem:
            print(f"earlet: {problem}", file=sys.stderr)
            failed += 1
            continue
        size = sum(entry.bytes for entry in manifest.files.values())
        print(
            printable(
                f"{manifest.name:<20} {manifest.version:<8} {size / 1e6:6.1f} MB  "
                f"{manifest.task:<30} {path}"
            )
        )
    return 1 if failed else 0


def run_verify(arguments: argparse.Namespace) -> int:
    """The stages of each bundle, a line each."""
    failed = False
    for path in [bundles.find(name) for name in arguments.bundles]:
        print(printable(str(path)))
        for stage in verify(path):
            failed = failed or not stage.passed
            outcome = "ok    " if stage.passed else "FAILED"
            print(f"  {stage.name:<9} {outcome}  {printable(stage.detail)}")
    return 1 if failed else 0


def run_devices(_: argparse.Namespace) -> int:
    """One line for each microphone, the default one starred."""
    found = portaudio.devices()
    print("\n".join(found) if found else "no microphone found")
    return 0 if found else 1
