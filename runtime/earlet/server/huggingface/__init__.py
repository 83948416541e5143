"""The Hugging Face Inference API: four of its tasks, for programs that speak to it today.

    POST /models/NAME, or / for the only model
        -> body -> question.py: what is asked, checked before anything is loaded
        -> a call of the pool for each sound, picture or list of texts, unless cache.py has it
        -> JSON, as the API's own servers write it

What goes over the wire was read off those who speak it: huggingface_hub 0.25 to 2.4, the npm
package @huggingface/inference, and the API's servers, api-inference-community and
huggingface-inference-toolkit. In short:

- A file comes raw, with a content type or without, or in base64 as JSON's `inputs`.
- Texts are answered nested, a list for each text, even where it is one; files are answered flat.
- A sound's labels have `score` before `label`, all others after it: so transformers writes them.
- JSON is written without spaces and in UTF-8.
- Options come as headers, which are newer, or in the body; a header goes before.
- A client waits for a model that is not loaded yet, unless it says that it does not: no client of
  today asks a second time.
"""

from earlet.server.huggingface.answering import routes

__all__ = ["routes"]
