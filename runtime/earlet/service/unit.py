"""The unit files of earlet: systemd.unit(5), systemd.service(5), systemd.exec(5).

What stands here is known to systemd 247 and later: Debian 11, Raspberry Pi OS of the same age.
"""

import math
from collections.abc import Mapping, Sequence

from earlet.config import ServeConfig
from earlet.errors import InputError

NAME = "earlet.service"
# Longer than a recogniser takes for an utterance on a small board, and than a source that is gone
# waits from one attempt to open it to the next.
WATCHDOG_S = 120
FORBIDDEN = "\"'\\"  # in the path of a program
STOP_S = 5  # from SIGTERM on
SERVER_S = 5  # that a server may take beside its `drain_s`, to end what did not finish within
START_S = 90  # until it listens: networks are loaded from an SD card

COMMON = """\
[Unit]
Description=earlet listens, offline
Documentation=man:systemd.exec(5)
After=sound.target pipewire.service pulseaudio.service
# A microphone that is missing at boot is waited for, however long that takes.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
SyslogIdentifier=earlet
# The colon: no variables are replaced in what follows.
ExecStart=:{command}
{reload}{environment}TimeoutStartSec={start_s}
# earlet says that it is alive when sound was listened to, or was tried to be had again.
WatchdogSec={watchdog_s}
Restart=always
RestartSec=10
# Listening ends within 2 s; a server lets what it is asked finish.
TimeoutStopSec={stop_s}

# Relative paths in config.yaml begin in its own folder; %t/earlet is for figures and sockets.
StateDirectory=earlet
RuntimeDirectory=earlet
WorkingDirectory=%S/earlet

MemoryMax={memory}
TasksMax={tasks}

# MemoryDenyWriteExecute is left out: PortAudio calls back into memory that Python has just made.
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6{families}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
{own}
[Install]
WantedBy={target}
"""
# What only the manager of the whole machine can give.
SYSTEM = """\
DynamicUser=yes
{credentials}
# Sound, and no other device.
SupplementaryGroups=audio
DevicePolicy=closed
DeviceAllow=char-alsa rw

CapabilityBoundingSet=
PrivateTmp=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome={protect_home}
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
"""


def system_unit(
    command: Sequence[str],
    environment: Mapping[str, str],
    credentials: Mapping[str, str],
    serve: ServeConfig | None = None,
    *,
    reloads: bool,
    in_home: bool,
) -> str:
    """The unit of a service of the machine, with a user of its own.

    Args:
        command: program and arguments.
        environment: variables for it.
        credentials: files that only root may read, by the names that their copies get.
        serve: what it answers beside listening.
        reloads: whether SIGHUP has it read its configuration again.
        in_home: whether some of the program lies below /home, /root or /run/user.

    Raises:
        InputError: a word that no unit file can hold.
    """
    loaded = "".join(f"LoadCredential={name}:{_word(path)}\n" for name, path in credentials.items())
    own = SYSTEM.format(credentials=loaded, protect_home="read-only" if in_home else "yes")
    return _unit(command, environment, own, "multi-user.target", serve, reloads=reloads)


def user_unit(
    command: Sequence[str],
    environment: Mapping[str, str],
    serve: ServeConfig | None = None,
    *,
    reloads: bool,
) -> str:
    """The unit of a service of one user, who has PipeWire or PulseAudio; as `system_unit`."""
    return _unit(command, environment, "", "default.target", serve, reloads=reloads)


def _unit(
    command: Sequence[str],
    environment: Mapping[str, str],
    own: str,
    target: str,
    serve: ServeConfig | None,
    *,
    reloads: bool,
) -> str:
    if any(character in command[0] for character in FORBIDDEN):
        raise InputError(
            f"{command[0]}: systemd starts no program with a quote or a backslash in its path; "
            "install earlet elsewhere"
        )
    variables = (_quoted(f"{name}={value}") for name, value in environment.items())
    return COMMON.format(
        command=" ".join(map(_quoted, command)),
        reload="ExecReload=/bin/kill -HUP $MAINPID\n" if reloads else "",
        environment="".join(f"Environment={variable}\n" for variable in variables),
        own=own,
        start_s=START_S,
        watchdog_s=WATCHDOG_S,
        stop_s=STOP_S + (0 if serve is None else math.ceil(serve.drain_s) + SERVER_S),
        memory="512M" if serve is None else "80%",  # networks are unloaded long before
        tasks=64 if serve is None else 512,  # a server has a process for each model
        # What getifaddrs(3) asks for the networks that something is announced to.
        families=" AF_NETLINK" if serve is not None and serve.zeroconf else "",
        target=target,
    )


def _quoted(word: str) -> str:
    """One word, whatever is in it."""
    escaped = _word(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _word(word: str) -> str:
    """With a `%` that means nothing else."""
    if not word.isprintable():
        raise InputError(f"{word}: expected a name that prints, for it is written to a unit file")
    return word.replace("%", "%%")
