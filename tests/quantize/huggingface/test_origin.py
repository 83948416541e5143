"""Licence, attribution and source: found in a folder, or asked for by the name of an option."""

from collections.abc import Callable
from pathlib import Path

import pytest

from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import Folder
from earlet_quantize.huggingface.origin import license_files, origin

MIT = "MIT License\n\nCopyright (c) 2024 Somebody\n\nPermission is hereby granted ...\n"
APACHE = """
                                 Apache License
                           Version 2.0, January 2004
...
   Copyright [yyyy] [name of copyright owner]
"""
GIVEN = {"attribution": "nobody", "source": "random numbers"}


@pytest.mark.parametrize(
    ("file", "content", "license"),
    [
        ("README.md", "---\nlicense: apache-2.0\ntags: [a, b]\n---\n# Model\n", "apache-2.0"),
        ("README.md", "---\nlicense: other\nlicense_name: llama3\n---\n", "llama3"),
        ("LICENSE", MIT, "MIT"),
        ("LICENSE.txt", APACHE, "Apache-2.0"),
    ],
)
def test_the_licence_is_found(file: str, content: str, license: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(content)
    assert origin(Folder(tmp_path), None, **GIVEN)["license"] == license


@pytest.mark.parametrize(
    "card",
    ["# Model\n", "---\nlicense: other\n---\n", "---\nlanguage: en\n---\n", "---\nlicense: mit\n"],
)
def test_a_card_without_a_licence_asks_for_one(card: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card)
    with pytest.raises(FolderError, match="the license of the network"):
        origin(Folder(tmp_path), None, **GIVEN)


def test_a_card_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: [\n---\n")
    with pytest.raises(FolderError, match=r"README.md: line .* not the YAML"):
        origin(Folder(tmp_path), None, **GIVEN)


def test_the_attribution_is_the_line_of_the_copyright(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(MIT)
    found = origin(Folder(tmp_path), None, None, "random numbers")
    assert found["attribution"] == "Copyright (c) 2024 Somebody"


def test_a_licence_with_blanks_to_fill_in_asks_for_an_attribution(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(APACHE)
    with pytest.raises(FolderError, match="--attribution TEXT"):
        origin(Folder(tmp_path), None, None, "random numbers")


def test_the_source_must_be_given(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(MIT)
    with pytest.raises(FolderError, match="--source TEXT"):
        origin(Folder(tmp_path), None, None, None)


def test_what_is_given_goes_before_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(MIT)
    given = {"license": "BSD-3-Clause", **GIVEN}
    assert origin(Folder(tmp_path), **given) == given


def test_texts_of_licences_go_with_the_network(copy: Callable[[str], Path]) -> None:
    folder = copy("bert")
    (folder / "LICENSE").write_text(MIT)
    (folder / "NOTICE").write_text("A notice.\n")
    assert {*license_files(Folder(folder))} == {"LICENSE", "NOTICE"}
