"""The page at `/`: what the server can do, to be tried in a browser.

    GET /              index.html
    GET /page/<name>   what it loads: style sheet, modules, icon

The files lie beside this module. They are read once, when the routes are made: no request ever
names a path. There is no build step and no resource of another origin, so the page works without
a network, and its Content-Security-Policy can forbid everything else. Browsers of 2024 and later
show it: Chromium 123, Firefox 128 and Safari 17.5 have `light-dark()` and `@property`.
"""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

INDEX = "index.html"
FOLDER = "/page/"  # where the paths of all others begin
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# https://www.w3.org/TR/CSP3/. blob: is a file that the user picked, shown or played to him again.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked for again each time, and mostly answered with 304
}


@dataclass(frozen=True)
class File:
    """One file of the page, as it is sent."""

    content: bytes
    media_type: str
    etag: str  # with its quotes

    async def answer(self, request: Request) -> Response:
        """The file, or 304 where the browser has it already."""
        headers = {**HEADERS, "ETag": self.etag}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def files() -> dict[str, File]:
    """By name, all that the page consists of."""
    found: dict[str, File] = {}
    for entry in resources.files(__name__).iterdir():
        media_type = MEDIA_TYPES.get(PurePath(entry.name).suffix)
        if media_type is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[entry.name] = File(content, media_type, etag)
    return found


def routes() -> list[BaseRoute]:
    """One route a file; starlette answers HEAD by them, too."""
    served = files()
    index = served.pop(INDEX)
    return [
        Route("/", index.answer),
        *(Route(f"{FOLDER}{name}", file.answer) for name, file in sorted(served.items())),
    ]
