"""The task's `generation_parameters`, by transformers' names and with their meaning.

Those of every network are `GenerationOptions`. Whisper's `generate` has more, which say when a text
is not believed and is written again (`decoding/fallback.py`): several temperatures in turn, three
thresholds, and whether a window is told what was said before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from earlet import schema
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.recogniser import TranscriptionOptions
from earlet.errors import InputError


@dataclass(frozen=True, kw_only=True)
class _Fallback:
    temperature: tuple[float, ...] | None = None  # a list; a number is one of GenerationOptions
    compression_ratio_threshold: float | None = None
    logprob_threshold: float | None = None
    no_speech_threshold: float | None = None
    condition_on_prev_tokens: bool | None = None


_NAMES = {  # here, where they are not the same
    "temperature": "temperatures",
    "condition_on_prev_tokens": "condition_on_previous_text",
}


def with_parameters(
    options: TranscriptionOptions, parameters: Mapping[str, object]
) -> TranscriptionOptions:
    """`options`, and what `parameters` ask for.

    Raises:
        InputError: for an unknown name, a wrong type, a value out of its range, and for options
            that contradict each other.
    """
    if not isinstance(parameters, Mapping):
        raise InputError(f"generation_parameters: expected a mapping, got {parameters!r:.60}")
    of_fallback = {field.name for field in fields(_Fallback)}
    if not isinstance(parameters.get("temperature"), list | tuple):
        of_fallback.remove("temperature")
    asked = {name: parameters[name] for name in parameters if name in of_fallback}
    others = {name: parameters[name] for name in parameters if name not in of_fallback}
    fallback = schema.read(_Fallback, asked, "generation_parameters", InputError)
    return replace(
        options,
        generation=GenerationOptions.from_mapping(others),
        **{
            _NAMES.get(name, name): value
            for name in asked
            if (value := getattr(fallback, name)) is not None
        },
    )
