"""What Home Assistant is told, against what its documentation of MQTT discovery asks for."""

import json
import re
from dataclasses import replace

import pytest

from earlet.config import LabelConfig, ListenConfig, MqttConfig, Publish
from earlet.results import Chunk, Detection
from earlet.service.actions import Actions
from earlet.service.actions.home_assistant import discovery
from tests.service.actions.mosquitto import Mosquitto

# <discovery_prefix>/<component>/[<node_id>/]<object_id>/config, ids of [a-zA-Z0-9_-]
TOPIC = re.compile(r"homeassistant/(?P<component>\w+)/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config")
CONFIG = MqttConfig(
    host="localhost", client_id="kitchen é", discovery_prefix="homeassistant", status_topic="s/t"
)


def announced(published: dict[str, list[str]]) -> dict[str, list[dict[str, object]]]:
    """The entities by their component."""
    found: dict[str, list[dict[str, object]]] = {}
    for message in discovery(CONFIG, published):
        assert message.retain
        match = TOPIC.fullmatch(message.topic)
        assert match, message.topic
        found.setdefault(match["component"], []).append(json.loads(message.payload))
    return found


def test_there_is_a_sensor_that_is_on_while_earlet_listens() -> None:
    [sensor] = announced({})["binary_sensor"]
    assert sensor["state_topic"] == "s/t"
    assert sensor["device_class"] == "running"  # on means running, off means not running


def test_there_is_an_event_for_each_topic_with_its_labels_as_types() -> None:
    events = announced({"home/go": ["go"], "home/all": ["stop", "go", "speech"]})["event"]
    assert [(event["state_topic"], event["event_types"]) for event in events] == [
        ("home/go", ["go"]),
        ("home/all", ["go", "speech", "stop"]),
    ]
    # Its defaults are `online` and `offline`, which is what the status says.
    assert {event["availability_topic"] for event in events} == {"s/t"}


def test_all_belong_to_one_device_and_none_is_taken_for_another() -> None:
    found = announced({"home/a": ["a"], "home_a": ["a"], "home a": ["a"]})
    entities = [entity for component in found.values() for entity in component]
    assert len({str(entity["unique_id"]) for entity in entities}) == 4
    topics = {message.topic for message in discovery(CONFIG, {"home/a": [], "home_a": []})}
    assert len(topics) == 3
    [device] = {json.dumps(entity["device"]) for entity in entities}
    assert json.loads(device)["identifiers"] == ["earlet_kitchen é"]


def test_its_templates_give_what_it_expects() -> None:
    jinja = pytest.importorskip("jinja2.sandbox", reason="jinja2 is what Home Assistant uses")
    render = jinja.ImmutableSandboxedEnvironment().from_string
    found = announced({"home/all": ["go"]})
    event = render(found["event"][0]["value_template"])
    heard = Detection("it's <go>", 0.9, 1, 2).to_json()
    assert json.loads(event.render(value_json=heard)) == {**heard, "event_type": "it's <go>"}
    said = Chunk("hello", (0, 1)).to_json()
    assert json.loads(event.render(value_json=said)) == {**said, "event_type": "speech"}
    sensor = render(found["binary_sensor"][0]["value_template"])
    states = [sensor.render(value=state) for state in ("online", "deaf", "offline")]
    assert states == ["ON", "OFF", "OFF"]


def test_who_comes_later_finds_the_messages_at_the_broker(mosquitto: Mosquitto) -> None:
    mosquitto.start()
    to = replace(CONFIG, port=mosquitto.port)
    others = LabelConfig(actions=(Publish(publish="home/others"),))
    config = ListenConfig(
        mqtt=to,
        labels={"go": LabelConfig(actions=(Publish(publish="home/go"),)), "*": others},
        speech=(Publish(publish="home/others"),),
    )
    actions = Actions(config, ["go", "left", "right"])
    actions.start()
    try:
        status = mosquitto.subscribe("s/t")
        assert status.next().payload == "online"
        later = mosquitto.subscribe("homeassistant/#")
        found = [later.next() for _ in range(3)]
        types = {}
        for message in found:
            if "/event/" in message.topic:
                types[message.json["state_topic"]] = message.json["event_types"]
        assert types == {"home/go": ["go"], "home/others": ["left", "right", "speech"]}
    finally:
        actions.close(10)
