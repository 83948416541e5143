"""`earlet service`: listening from boot on, under systemd."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from earlet.audio.source import PIPE, open_source
from earlet.cli.program import DONE, FAILED
from earlet.config import ListenConfig, read_config
from earlet.errors import InputError, printable
from earlet.service.unit import NAME

if TYPE_CHECKING:
    from earlet.service.installation import Service

EPILOG = """\
sudo earlet service install --config /etc/earlet/config.yaml
    listens from boot on, with a user of its own that may do nothing else
earlet service install --user --config ~/earlet.yaml
    listens while you are logged in, for a desktop with PipeWire or PulseAudio;
    `loginctl enable-linger` makes it from boot on

After a change of the configuration: systemctl [--user] reload earlet
What it tells:                       journalctl [--user] --unit earlet
"""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "service",
        help="listen from boot on, under systemd",
        description="Have systemd run `earlet listen`, watched and confined.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, run, text in (
        ("install", run_install, "begin now, and at every boot"),
        ("status", run_status, "does it run, and what does it hear?"),
        ("uninstall", run_uninstall, "end it, and begin no more"),
    ):
        action = actions.add_parser(name, help=text, description=text.capitalize())
        action.add_argument("--user", action="store_true", help="a service of yours alone")
        action.set_defaults(run=run)
        if name == "install":
            action.add_argument("--config", metavar="FILE", help="the config.yaml to listen by")


def run_install(arguments: argparse.Namespace) -> int:
    """Try the configuration, install, and wait until it listens."""
    from earlet.tasks.listening import Listening  # late, as below

    service = _service(arguments)
    service.check_allowed()
    config = ListenConfig() if arguments.config is None else read_config(arguments.config)
    listening = Listening(config)  # what is wrong is told here, and not in a journal
    _refuse_what_ends(config, listening.sample_rate)
    if not service.install(arguments.config, config):
        reason = service.last_words() or f"journalctl --unit {NAME} may say why"
        print(
            f"earlet: {NAME} is installed, and does not run: {printable(reason)}; "
            "it is tried again every 10 s",
            file=sys.stderr,
        )
        return FAILED
    return run_status(arguments)


def _service(arguments: argparse.Namespace) -> "Service":
    # Imported late: what starts processes, for no other command does.
    from earlet.service.installation import Service

    return Service(user=arguments.user)


def _refuse_what_ends(config: ListenConfig, sample_rate: int) -> None:
    """A service would begin it again and again."""
    is_live = config.source != PIPE and (
        open_source(
            config.source, device=config.device, channel=config.channel, sample_rate=sample_rate
        ).is_live
    )
    if not is_live:
        raise InputError(
            f"source: a service listens to mic or tcp://HOST:PORT, which do not end; "
            f"got {config.source}"
        )


def run_status(arguments: argparse.Namespace) -> int:
    """One line; the exit code says whether it runs."""
    service = _service(arguments)
    service.check_installed()
    shown = service.shown()
    parts = [f"{shown['ActiveState']} ({shown['SubState']})", f"{shown['UnitFileState']} at boot"]
    if shown["StateChangeTimestamp"]:
        parts.append(f"since {shown['StateChangeTimestamp']}")
    if shown["StatusText"]:
        parts.append(shown["StatusText"])
    print(printable(f"{NAME}: {', '.join(parts)}"))
    return DONE if shown["SubState"] == "running" else FAILED


def run_uninstall(arguments: argparse.Namespace) -> int:
    """End it, and remove its unit; what it has written stays."""
    service = _service(arguments)
    service.check_allowed()
    service.uninstall()
    print(f"{NAME} is removed; what it has kept stays")
    return DONE
