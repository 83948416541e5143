"""OpenAI's API of speech to text: `audio/transcriptions`, `audio/translations`, `models`.

    multipart/form-data -> form.py -> request.py -> the operation `segments` of a process
        -> answers.py: JSON, text, subtitles; or, with `stream`, events as segments come

Held to the `openai` package in `tests/server/openai/`. What cannot apply is refused, and the field
named; figures that a network does not have are null.
"""

from earlet.server.openai.routes import routes

__all__ = ["routes"]
