"""Where a network is from and who may use it: what every bundle must say.

| key | option, else |
|---|---|
| license | README.md's front matter `license` or `license_name`, else the title of LICENSE |
| attribution | the first copyright line of LICENSE or NOTICE |
| source | the option alone: no file says where the folder is from |
"""

import re

from earlet import schema
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import Folder

CARD = "README.md"
LICENSES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt")  # kept in the bundle
TITLES = {  # of a licence's text, on one line -> its SPDX identifier
    "Apache License Version 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Attribution 4.0 International": "CC-BY-4.0",
}
HEAD = 300  # characters of a licence's text in which its title is
_COPYRIGHT = re.compile(r"^[ \t]*(copyright\s.*\d{4}.*)$", re.IGNORECASE | re.MULTILINE)


def origin(
    folder: Folder, license: str | None, attribution: str | None, source: str | None
) -> dict[str, str]:
    """`license`, `attribution` and `source` of bundle.yaml; what is not None is taken as it is.

    Raises:
        FolderError: when one cannot be found; names the option that gives it.
    """
    texts = [folder.read_text(name) for name in LICENSES if folder.has(name)]
    found = {
        "license": license or _card_license(folder) or _title(texts),
        "attribution": attribution or _copyright(texts),
        "source": source,
    }
    for key, value in found.items():
        if not value:
            raise FolderError(
                f"{folder.path}: expected to find the {key} of the network, which a bundle must "
                f"state; give it: --{key} TEXT"
            )
    return {key: value for key, value in found.items() if value}


def license_files(folder: Folder) -> dict[str, bytes]:
    """The texts that go with the network wherever it goes."""
    return {name: folder.read_bytes(name) for name in LICENSES if folder.has(name)}


def _card_license(folder: Folder) -> str | None:
    """`license` of the card's front matter; "other" is none, but for its name."""
    if not folder.has(CARD):
        return None
    lines = folder.read_text(CARD).splitlines()
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return None
    front = "\n".join(lines[1 : lines.index("---", 1)])
    card = schema.load_yaml(front, str(folder.path / CARD), FolderError)
    for key in ("license_name", "license"):
        name = card.get(key)
        if isinstance(name, str) and name not in ("other", "unknown"):
            return name
    return None


def _title(texts: list[str]) -> str | None:
    heads = [" ".join(text[:HEAD].split()) for text in texts]
    return next((TITLES[t] for head in heads for t in TITLES if t in head), None)


def _copyright(texts: list[str]) -> str | None:
    lines = [match[1].strip() for text in texts if (match := _COPYRIGHT.search(text))]
    return lines[0] if lines else None
