"""What can go wrong, as a tree. Each error also is the builtin that a caller would catch.

    EarletError
    ├── InputError (ValueError)         an argument, sound, picture or text that cannot be used
    │   └── AudioFileError              a sound file that cannot be read
    ├── BundleError (ValueError)        a bundle that is not what models/README.md specifies
    │   ├── BundleNotFoundError         (also FileNotFoundError) no bundle of that name or path
    │   └── ManifestError               bundle.yaml: a key is missing, unknown or wrong
    ├── ConfigError (ValueError)        config.yaml: the same for the daemon's configuration
    ├── BackendError (RuntimeError)     the inference engine is missing or refuses the network
    └── MicrophoneError (OSError)       no PortAudio, no such device, device lost

A message is one line: what was expected, what came, and what to do about it. What it quotes of the
outside, such as a file's name, may hold anything: characters that do not print are shown escaped.
"""


def printable(text: str) -> str:
    """`text` on one line: line ends, terminal codes, halves of bytes and the like escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class EarletError(Exception):
    """The root: catch it to catch everything that earlet raises on purpose."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(EarletError, ValueError):
    """An argument, sound, picture or text that cannot be used."""


class AudioFileError(InputError):
    """A sound file that cannot be read."""


class BundleError(EarletError, ValueError):
    """A bundle that is not what `models/README.md` specifies."""


class BundleNotFoundError(BundleError, FileNotFoundError):
    """No bundle has that name or path."""


class ManifestError(BundleError):
    """`bundle.yaml` has a key that is missing, unknown or wrong."""


class ConfigError(EarletError, ValueError):
    """`config.yaml` has a key that is missing, unknown or wrong."""


class BackendError(EarletError, RuntimeError):
    """The inference engine is missing, or refuses the network."""


class MicrophoneError(EarletError, OSError):
    """PortAudio is missing, the device does not exist, or it was lost."""
