"""Bundles: a network with all that it takes to use it, described by `bundle.yaml`.

`models/README.md` is the specification. A bundle is a folder, or a `.zip` of that folder stored
uncompressed. Every file is listed with its size and SHA-256; what is read is checked first, and
nothing outside the bundle is ever opened.
"""

import hashlib
import os
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from earlet import schema
from earlet.backends import Session, open_session
from earlet.errors import BundleError, BundleNotFoundError, ManifestError
from earlet.manifest import FORMAT, Manifest

T = TypeVar("T")
MANIFEST = "bundle.yaml"
MAX_FILES = 1_000  # of a bundle; most have a handful
# What reading a file may raise, and what zipfile raises for a damaged or encrypted archive.
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile)


class Bundle:
    """An opened bundle: its manifest, and its files as checked bytes."""

    def __init__(self, path: str | Path) -> None:
        """Open the folder or `.zip` at `path`.

        Raises:
            BundleNotFoundError: nothing is there.
            ManifestError: bundle.yaml does not say what it must.
            BundleError: a file is missing, extra, of the wrong size, or outside the bundle.
        """
        self.path = Path(path)
        self._zip: zipfile.ZipFile | None = None
        is_there = _is_there(self.path)
        if is_there and self.path.is_file():
            self._zip = _open_zip(self.path)
        elif not (is_there and self.path.is_dir()):
            raise BundleNotFoundError(f"{self.path}: no such bundle folder or .zip file")
        where = f"{self.path.name}/{MANIFEST}"
        self.text = self._manifest_text(where)  # of bundle.yaml, as it is written
        self.document = schema.load_yaml(self.text, where, ManifestError)
        if self.document.get("format") != FORMAT:
            raise ManifestError(
                f"{where}: format is {self.document.get('format')!r}; this earlet reads {FORMAT}"
            )
        self.manifest = schema.read(Manifest, self.document, where, ManifestError)
        self._check_files()

    def section(self, name: str, cls: type[T]) -> T:
        """The manifest's mapping `name` ("streaming", ...) as the dataclass that it configures."""
        return schema.read(cls, getattr(self.manifest, name), self.where(name), ManifestError)

    def where(self, section: str) -> str:
        """How messages name a section of the manifest."""
        return f"{self.path.name}/{MANIFEST}: {section}"

    def read_bytes(self, name: str) -> bytes:
        """A file's content, after its size and SHA-256 were compared with the manifest's.

        Raises:
            BundleError: when the file is not in the manifest, or not what the manifest says.
        """
        entry = self.manifest.files.get(name)
        if entry is None:
            raise BundleError(f"{self.path}: {name!r} is not among the files of {MANIFEST}")
        data = self._read(name, entry.bytes)
        if len(data) != entry.bytes:
            raise BundleError(f"{self.path}/{name}: expected {entry.bytes} bytes, got {len(data)}")
        digest = hashlib.sha256(data).hexdigest()
        if digest != entry.sha256:
            raise BundleError(
                f"{self.path}/{name}: expected sha256 {entry.sha256[:16]}, got {digest[:16]}: "
                "the file was changed or damaged; install the bundle again"
            )
        return data

    def read_text(self, name: str) -> str:
        """A file's content as UTF-8 text."""
        try:
            return self.read_bytes(name).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise BundleError(f"{self.path}/{name}: not UTF-8 at byte {problem.start}") from None

    def open_session(
        self,
        role: str,
        threads: int = 1,
        *,
        inputs: Mapping[str, int] | None = None,
        outputs: Mapping[str, int] | None = None,
        lengths_vary: bool = False,
    ) -> Session:
        """The network that the manifest's `model` names for `role` ("network", "encoder", ...).

        `inputs` and `outputs` are what it must have, by name the number of dimensions, in the
        order of the graph; None takes any. `lengths_vary` as in `backends.open_session`.

        Raises:
            BackendError: when the engine refuses the network.
            BundleError: when the network has other inputs or outputs.
        """
        name = self.manifest.model.networks[role]
        backend = self.manifest.model.backend
        session = open_session(
            self.read_bytes(name),
            f"{self.path}/{name}",
            backend,
            threads,
            inputs=inputs,
            outputs=outputs,
            lengths_vary=lengths_vary,
        )
        for wanted, specs in ((inputs, session.inputs), (outputs, session.outputs)):
            found = {spec.name: len(spec.shape) for spec in specs}
            if wanted is not None and list(found.items()) != list(wanted.items()):
                raise BundleError(
                    f"{self.path}/{name}: expected {_tensors(wanted)}, got {_tensors(found)}"
                )
        return session

    def _manifest_text(self, where: str) -> str:
        if MANIFEST not in self._names():
            raise BundleError(f"{self.path}: not a bundle, it has no {MANIFEST}")
        self._size(MANIFEST)  # where it is a link, it leads nowhere else
        data = self._read(MANIFEST, schema.MAX_BYTES)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise ManifestError(f"{where}: not UTF-8 at byte {problem.start}") from None

    def _names(self) -> set[str]:
        """The files that are there: of a folder, its own listing first, so that `/` is cheap."""
        if self._zip is not None:
            return set(self._zip.namelist())
        try:
            if not (self.path / MANIFEST).is_file():
                return set()
            files = [p for p in self.path.rglob("*") if p.is_symlink() or not p.is_dir()]
        except OSError as problem:
            raise BundleError(f"{self.path}: cannot be read: {problem.strerror}") from None
        return {p.relative_to(self.path).as_posix() for p in files}

    def _check_files(self) -> None:
        listed = {MANIFEST, *self.manifest.files}
        if len(listed) > MAX_FILES:
            raise ManifestError(f"{self.path}: lists {len(listed)} files; at most {MAX_FILES}")
        for name in listed:
            if not _is_inside(name):
                raise BundleError(f"{self.path}: the file name {name!r} leads outside the bundle")
        present = self._names()
        if missing := sorted(listed - present):
            raise BundleError(f"{self.path}: {missing[0]!r} is in {MANIFEST} and not there")
        if extra := sorted(present - listed):
            raise BundleError(f"{self.path}: {extra[0]!r} is there and not in {MANIFEST}")
        for name, entry in self.manifest.files.items():
            size = self._size(name)
            if size != entry.bytes:
                raise BundleError(f"{self.path}/{name}: expected {entry.bytes} bytes, got {size}")
        for name in (*self.manifest.model.networks.values(), self.manifest.golden.file):
            if name not in self.manifest.files:
                raise ManifestError(f"{self.path}: {MANIFEST} uses {name!r} and does not list it")

    def _size(self, name: str) -> int:
        if self._zip is not None:
            return self._zip.getinfo(name).file_size
        path = self.path / name
        try:
            inside = path.resolve(strict=True).is_relative_to(self.path.resolve())
            status = path.stat()
        except UNREADABLE as problem:
            raise BundleError(f"{self.path}/{name}: cannot be read: {problem}") from None
        if not inside:
            raise BundleError(f"{self.path}: {name!r} is a link that leads outside the bundle")
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{self.path}/{name}: expected a plain file")
        return status.st_size

    def _read(self, name: str, limit: int) -> bytes:
        """At most limit + 1 bytes, so that a file that has grown since shows as too long."""
        try:
            if self._zip is not None:
                with self._zip.open(name) as member:
                    return member.read(limit + 1)
            with (self.path / name).open("rb") as file:
                return file.read(limit + 1)
        except UNREADABLE as problem:
            raise BundleError(f"{self.path}/{name}: cannot be read: {problem}") from None


def search_path() -> list[Path]:
    """Where a bundle is looked for by its name, first match wins."""
    folders = [Path(part) for part in os.environ.get("EARLET_MODELS", "").split(os.pathsep) if part]
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    package = Path(__file__).parent / "models"
    checkout = Path(__file__).parents[2] / "models"  # an editable install keeps them there
    shipped = package if package.is_dir() else checkout
    return [*folders, Path("models"), Path(data_home) / "earlet" / "models", shipped]


def find(bundle: str | Path) -> Path:
    """The path of a bundle given by path or by name.

    Raises:
        BundleNotFoundError: names where it was looked for.
    """
    if not isinstance(bundle, str | os.PathLike) or bundle == "":
        raise BundleNotFoundError(f"bundle: expected a name or a path, got {bundle!r:.60}")
    path = Path(bundle)
    if _is_there(path) and (path.is_file() or _is_there(path / MANIFEST)):
        return path
    is_name = len(path.parts) == 1 and "/" not in str(bundle)
    if is_name:
        for folder in search_path():
            for candidate in (folder / path, folder / f"{path}.zip"):
                if _is_there(candidate):
                    return candidate
    if _is_there(path) and path.is_dir():
        raise BundleError(f"{path}: not a bundle, it has no {MANIFEST}")
    if is_name:
        places = ", ".join(str(folder) for folder in search_path())
        raise BundleNotFoundError(f"no bundle named {str(bundle)!r} in {places}")
    raise BundleNotFoundError(f"{path}: no such bundle folder or .zip file")


def installed() -> Iterator[Path]:
    """Every bundle on the search path, the shadowed ones left out."""
    seen: set[str] = set()
    for folder in search_path():
        try:
            paths = sorted(folder.iterdir())
        except OSError:  # it is not there, or not ours to look into
            continue
        for path in paths:
            is_bundle = _is_there(path / MANIFEST) or path.suffix == ".zip"
            if is_bundle and path.stem not in seen:
                seen.add(path.stem)
                yield path


def _tensors(dimensions: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n}-D)" for name, n in dimensions.items()) or "nothing"


def _is_there(path: Path) -> bool:
    """As Path.exists, and false for a name too long and in a folder that is closed to us."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = "\\" not in name and ":" not in name and "\0" not in name
    return plain and bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as problem:
        raise BundleError(
            f"{path}: expected a bundle folder or .zip, got a file: {problem}"
        ) from None
    members = archive.infolist()
    if len(members) > MAX_FILES:
        raise BundleError(f"{path}: holds {len(members)} files; at most {MAX_FILES}")
    for member in members:
        if not _is_inside(member.filename):
            raise BundleError(f"{path}: the file name {member.filename!r} leads outside the bundle")
        if member.compress_type != zipfile.ZIP_STORED:
            raise BundleError(f"{path}: {member.filename!r} is compressed; expected it stored")
    if len({member.filename for member in members}) != len(members):
        raise BundleError(f"{path}: holds two files of the same name")
    return archive
