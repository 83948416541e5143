"""Bundles: those that ship, and others, made by their recipes where they are needed, and kept."""

import subprocess
import sys
from pathlib import Path

from benchmarks.line import MissingError, there
from benchmarks.setting import ROOT, Setting

RECIPES = ROOT / "models" / "recipes"
MAKING_S = 300.0  # that a recipe may take, the packages it fetches included; 40 s here


def made(setting: Setting, name: str) -> Path:
    """A bundle's folder.

    Raises:
        MissingError: when it is not there, and cannot be made now.
    """
    shipped, bundle = ROOT / "models" / name, setting.cache.parent / "bundles" / name
    for there_already in (shipped, bundle):
        if there_already.exists():
            return there_already
    if setting.quick:
        raise MissingError(f"{name} is not made yet: a thorough run makes it")
    data = there(setting.data, f"the speech with which {name} is calibrated")
    folders = {"--out": bundle, "--cache": setting.cache, "--data": data}
    options = [str(word) for option in folders.items() for word in option]
    command = [sys.executable, str(RECIPES / name / "make.py"), *options]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=MAKING_S
        )
    except subprocess.TimeoutExpired:
        raise MissingError(f"{name} was not made within {MAKING_S:g} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise MissingError(f"{name} cannot be made: {last}")
    return bundle
