"""README's Python examples run as they stand, and what it names exists."""

import re
import subprocess
from pathlib import Path

import pytest

from earlet.cli import main
from earlet_quantize.cli import main as quantize_main
from tests.server.program import serving

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", README, re.DOTALL)
ASKING = [code for code, _ in EXAMPLES if "127.0.0.1:8327" in code]  # a server
LINKS = re.findall(r"\]\(([^)#:]+)\)", README)


def test_there_are_examples() -> None:
    assert EXAMPLES
    assert ASKING


@pytest.mark.parametrize(
    ("code", "output"), [(code, output) for code, output in EXAMPLES if code not in ASKING]
)
def test_an_example_runs_from_the_repository_and_prints_what_is_shown(
    code: str, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102
    printed = capsys.readouterr().out
    assert printed
    if output:
        assert printed == output


def test_those_that_ask_a_server_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    with serving(tmp_path / "log") as server:
        for code in ASKING:
            here = code.replace("127.0.0.1:8327", f"127.0.0.1:{server.port}")
            exec(compile(here, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102
    printed = capsys.readouterr().out
    assert printed.count("hugely pleased") == 2
    assert re.findall('"label": "([^"]*)"', printed) == ["go", "left", "right", "up"]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_make_targets_that_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= targets
    assert all(f"\n{target}:" in makefile for target in targets)


@pytest.mark.parametrize(
    ("program", "command"),
    sorted(set(re.findall(r"^(earlet|earlet-quantize) (\w+)", README, re.MULTILINE))),
)
def test_the_commands_that_it_names_exist(program: str, command: str) -> None:
    with pytest.raises(SystemExit) as done:
        {"earlet": main, "earlet-quantize": quantize_main}[program]([command, "--help"])
    assert done.value.code == 0


def test_continuous_integration_runs_the_command_that_it_names() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in script
    assert "make test" in README
    syntax = subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False)  # noqa: S607
    assert syntax.returncode == 0
