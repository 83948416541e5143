"""`earlet serve`: programs that speak to the cloud, answered on this device."""

import argparse
import logging
import os
from dataclasses import replace
from typing import Any, get_args

from earlet.config import ServeConfig, read_config
from earlet.errors import InputError
from earlet.service import logs
from earlet.service.signals import Signals, Terminated
from earlet.service.systemd import Systemd, with_credentials

log = logging.getLogger("earlet.serve")

EPILOG = """\
http://HOST:PORT/                         a page to try everything on
http://HOST:PORT/models/NAME              the Hugging Face Inference API: InferenceClient(model=...)
http://HOST:PORT/v1                       the OpenAI API: OpenAI(base_url=...), speech to text
ws://HOST:PORT/v1/listen                  live sound in, events out
tcp://HOST:PORT                           Home Assistant's Wyoming protocol, with --wyoming
http://HOST:PORT/health /info /metrics /openapi.json

It is for this machine alone unless --host says otherwise, and then a token is demanded:
    EARLET_TOKEN=... earlet serve --host 0.0.0.0
SIGTERM and Ctrl-C let what runs finish.
"""
WYOMING_PORT = 10300  # of speech to text in Home Assistant's own programs


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "serve",
        help="answer programs that speak to Hugging Face, OpenAI or Home Assistant",
        description="Answer programs that speak to the cloud, on this device.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    said = ServeConfig()
    add = parser.add_argument
    add("--config", metavar="FILE", help="a config.yaml with `serve:`; flags go before it")
    add("--host", metavar="H", help=f"address to listen on (default: {said.host})")
    add("--port", metavar="P", type=int, help=f"of HTTP; 0 is any (default: {said.port})")
    add(
        "--wyoming",
        metavar="[H:]P",
        type=_address,
        nargs="?",
        const=(None, WYOMING_PORT),
        help=f"speak Wyoming, too (default: port {WYOMING_PORT}). It knows no token: beyond this "
        "machine only where H, or --no-auth, says so",
    )
    add("--zeroconf", action="store_true", default=None, help="announce Wyoming to the network")
    add(
        "--bundle",
        metavar="B",
        action="append",
        dest="bundles",
        help="a name, a path or NAME=PATH; more than once (default: all that are installed)",
    )
    add("--token-file", metavar="FILE", help="what requests must bring; or EARLET_TOKEN")
    add(
        "--no-auth",
        action="store_false",
        default=None,
        dest="auth",
        help="no token, whoever can reach the address",
    )
    add("--workers", metavar="N", type=int, help="networks that compute at once (default: cores)")
    add(
        "--memory",
        metavar="MB",
        type=int,
        dest="memory_mb",
        help="of all networks together; the least used is unloaded (default: half of the machine)",
    )
    add("--log-format", choices=get_args(logs.LogFormat), default="text", help="(default: text)")
    add("--no-access-log", action="store_true", help="do not log every request")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answer until SIGTERM or Ctrl-C."""
    from earlet.server.serving import Server  # late: no other command serves

    logs.set_up(arguments.log_format)
    if arguments.no_access_log:
        logging.getLogger("earlet.serve.access").disabled = True
    systemd = Systemd()
    with Signals(reloads=False) as signals:
        try:
            with signals.interruptible(), Server(_config(arguments)) as server:
                systemd.ready()
                try:
                    server.wait()
                finally:
                    systemd.stopping()
        except Terminated:
            log.info("SIGTERM: ended")
    systemd.close()
    return 0


def _config(arguments: argparse.Namespace) -> ServeConfig:
    """The configuration's `serve`, and what the flags say instead."""
    config = ServeConfig()
    if arguments.config is not None:
        read = with_credentials(
            read_config(arguments.config), os.environ.get("CREDENTIALS_DIRECTORY")
        )
        if read.serve is None:
            raise InputError(f"{arguments.config}: has no `serve`, which --config is read for")
        config = read.serve
    names = (
        *("host", "port", "zeroconf", "bundles", "token_file", "auth"),
        *("workers", "memory_mb"),
    )
    flags = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if arguments.wyoming is not None:
        flags["wyoming_host"], flags["wyoming_port"] = arguments.wyoming
    if "bundles" in flags:
        flags["bundles"] = tuple(flags["bundles"])
    if flags.get("auth") is False:
        flags.setdefault("token_file", None)
    return replace(config, **flags)


def _address(word: str) -> tuple[str | None, int]:
    """HOST:PORT or PORT; an IPv6 address stands in brackets."""
    host, _, port = word.rpartition(":")
    if not (port.isascii() and port.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected PORT or HOST:PORT, got {word!r}")
    return host.removeprefix("[").removesuffix("]") or None, int(port)
