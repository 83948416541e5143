"""config.yaml: what `earlet listen` and `earlet serve` do when no flag says otherwise."""

from earlet.config.actions import Action, Append, Post, Publish, Run, Send
from earlet.config.listening import (
    ANY_LABEL,
    LEAST_NEAR_MISS,
    ConfirmConfig,
    GateConfig,
    LabelConfig,
    ListenConfig,
    MqttConfig,
    RecordConfig,
    WakeConfig,
    read_config,
)
from earlet.config.serving import ServeConfig

__all__ = [
    "ANY_LABEL",
    "LEAST_NEAR_MISS",
    "Action",
    "Append",
    "ConfirmConfig",
    "GateConfig",
    "LabelConfig",
    "ListenConfig",
    "MqttConfig",
    "Post",
    "Publish",
    "RecordConfig",
    "Run",
    "Send",
    "ServeConfig",
    "WakeConfig",
    "read_config",
]
