"""huggingface_hub in one version, in a process of its own."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.clients import Client, client_python, talking

# The last with `post`, the last on requests and aiohttp, and the last of all, on httpx2.
VERSIONS = ("0.25.2", "0.36.2", "2.4.0")
_BESIDE = {"0.25.2": ("aiohttp",), "0.36.2": ("aiohttp",)}  # what the asynchronous client needs
TIMEOUT_S = 60


@dataclass(frozen=True)
class Hub:
    """Its client, to be called."""

    version: str
    process: Client

    def ask(
        self,
        url: str,
        task: str,
        given: str | Path,
        parameters: Mapping[str, object] | None = None,
        *,
        how: str = "path",
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        is_async: bool = False,
    ) -> dict[str, Any]:
        """`InferenceClient(url).method_of_the_task(given, **parameters)`: its "result", or "error".

        `how` is one of the ways of hub_client.py to hand in a file. Of the old version, whose
        methods take no parameters, `post` does; it takes files that are open.
        """
        how = "text" if task == "text-classification" else how
        if how == "file" and self.version != "0.25.2":
            how = "path"
        method, more = task.replace("-", "_"), dict(parameters or {})
        if parameters and task == "automatic-speech-recognition":
            more = {"extra_body": parameters}
        if parameters and self.version == "0.25.2":
            body = {"inputs": given if how == "text" else encoded(given), "parameters": parameters}
            method, how, more = "post", "not", {"json": body, "task": task}
        answer: dict[str, Any] = self.process.ask(
            client={"model": url, "headers": headers, "token": token, "timeout": TIMEOUT_S},
            method=method,
            given=str(given),
            how=how,
            is_async=is_async,
            more=more,
        )
        if method == "post" and task == "text-classification" and "result" in answer:
            (answer["result"],) = answer["result"]  # as the method of the task does
        return answer


def encoded(path: str | Path) -> str:
    """A file in base64."""
    return base64.b64encode(Path(path).read_bytes()).decode()


@contextmanager
def running(version: str) -> Iterator[Hub]:
    """One that answers until it is left."""
    python = client_python(f"huggingface_hub=={version}", *_BESIDE.get(version, ()))
    with talking(python, Path(__file__).with_name("hub_client.py")) as process:
        yield Hub(version, process)
