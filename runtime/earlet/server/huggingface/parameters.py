"""The parameters of each task, checked as far as they can be without its model.

Their names and types are those of the task's page; null is as good as left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from earlet import schema
from earlet.decoding.classify import FunctionToApply, check_parameters
from earlet.decoding.recogniser import PLAIN
from earlet.errors import InputError
from earlet.server.languages import code_of
from earlet.tasks.generation_parameters import with_parameters

T = TypeVar("T")

# Which transformers' `generate` takes among the others, and `SpeechRecognition` beside them.
_BESIDE = ("language", "task")


@dataclass(frozen=True, kw_only=True)
class ClassificationParameters:
    """Of the tasks that give labels."""

    function_to_apply: FunctionToApply | None = None
    top_k: int | None = None

    def __post_init__(self) -> None:
        check_parameters(self.function_to_apply or "softmax", self.top_k)


@dataclass(frozen=True, kw_only=True)
class SpeechParameters:
    """Of automatic-speech-recognition."""

    return_timestamps: Literal[True, False, "word"] = False
    generation_parameters: Mapping[str, object] = field(default_factory=dict)
    generate_kwargs: Mapping[str, object] = field(default_factory=dict)  # transformers' name

    def __post_init__(self) -> None:
        if self.generation_parameters and self.generate_kwargs:
            raise InputError("need generation_parameters or generate_kwargs, got both")


def given(section: Mapping[str, object]) -> dict[str, object]:
    """What is not null."""
    return {key: value for key, value in section.items() if value is not None}


def classification(parameters: Mapping[str, object]) -> dict[str, object]:
    """Arguments of the operation `classify`.

    Raises:
        InputError: one is unknown or wrong.
    """
    asked = given(parameters)
    schema.read(ClassificationParameters, asked, "parameters", InputError)
    return asked


def speech(parameters: Mapping[str, object]) -> dict[str, object]:
    """Arguments of the operation `transcribe`.

    Raises:
        InputError: one is unknown or wrong, or they contradict each other.
    """
    asked = schema.read(SpeechParameters, given(parameters), "parameters", InputError)
    generation = given(asked.generation_parameters or asked.generate_kwargs)
    arguments = {name: generation.pop(name) for name in _BESIDE if name in generation}
    if isinstance(language := arguments.get("language"), str):
        arguments["language"] = code_of(language)
    with_parameters(PLAIN, generation)
    if generation:
        arguments["generation_parameters"] = generation
    if asked.return_timestamps:
        arguments["return_timestamps"] = asked.return_timestamps
    return arguments
