"""What Home Assistant is told, so that it finds earlet by itself.

Reference: its documentation of MQTT discovery, of the MQTT event and of the MQTT binary sensor. For
each topic there is an event whose types are the labels that are published there, and one sensor
that is on while earlet listens. The messages are retained: Home Assistant may start later.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping

from earlet.config import MqttConfig
from earlet.service.actions.mqtt import Message

SPEECH = "speech"  # the type of a transcript, which has no label
# Jinja: Home Assistant looks for `event_type`, all else becomes an attribute.
_EVENT = f"{{{{ dict(value_json, event_type=value_json.label | default('{SPEECH}')) | tojson }}}}"
_LISTENS = "{{ 'ON' if value == 'online' else 'OFF' }}"  # deaf and offline are OFF
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def discovery(config: MqttConfig, published: Mapping[str, Collection[str]]) -> list[Message]:
    """The messages that announce what is `published`: the labels by their topic."""
    node = _NOT_IN_IDS.sub("_", config.client_id)
    device = {"identifiers": [f"earlet_{config.client_id}"], "name": config.client_id}
    device["manufacturer"] = "earlet"

    def announced(component: str, object_id: str, **entity: object) -> Message:
        topic = f"{config.discovery_prefix}/{component}/{node}/{object_id}/config"
        known = {"unique_id": f"earlet_{config.client_id}_{object_id}", "device": device}
        return Message(topic, json.dumps(entity | known), retain=True)

    listens = announced(
        "binary_sensor",
        "listening",
        name="Listening",
        state_topic=config.status_topic,
        value_template=_LISTENS,
        device_class="running",
    )
    events = [
        announced(
            "event",
            # A topic may hold what an identifier may not.
            hashlib.sha256(topic.encode()).hexdigest()[:12],
            name=topic,
            state_topic=topic,
            value_template=_EVENT,
            event_types=sorted(labels),
            availability_topic=config.status_topic,
        )
        for topic, labels in published.items()
    ]
    return [listens, *events]
