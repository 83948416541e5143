import { fillModels } from "./asking.js";
import { byId, make, notice } from "./elements.js";
import { Heard } from "./heard.js";
import { Listening } from "./listening.js";

const FIELDS = "#live-mode input, #live-typed :is(textarea, input), #live-model";
// A name alone in braces is that of a list, behind a name of its own or not: {room}, {goal:room}.
const LIST = /\{\s*(?:[^\s{}[\]|:]+\s*:)?\s*([\p{L}_][\p{L}\p{N}_]*)\s*\}/gu;
const FIRST = [["room", "kitchen, living room, bedroom"]]; // of the commands that stand there at first
const writes = ({ task }) => task === "automatic-speech-recognition";
const MODES = {
  words: { takes: ({ spotter }) => spotter, asks: () => ({ scores: true, rejections: true }) },
  typed: { takes: writes, asks: () => ({ ...typed(), rejections: true }) },
  speech: { takes: writes, asks: () => ({ partials: true }) },
};

/** The microphone: what is heard, as it is heard. */
export function live(models) {
  const [toggle, model] = ["live-toggle", "live-model"].map(byId);
  const heard = new Heard();
  let listening = null;

  const start = () => {
    const asked = MODES[mode()].asks();
    if (asked.commands?.length === 0) return notice("Type a command to listen for, or several, one a line.");
    notice();
    heard.clear();
    listens(true, "Stop", "Opening the microphone and the model …");
    listening = new Listening({
      ready({ rate, labels, description }) {
        state(`Listening with ${description}`);
        heard.begin(rate, mode() === "words" ? labels : []);
      },
      sound: (samples) => heard.sound(samples),
      event: (event) => heard.event(event),
      ended(line) {
        listening = null;
        heard.end();
        listens(false, "Start listening", "");
        if (line) notice(line);
      },
    });
    listening.start({ model: model.value, ...asked });
  };
  const stop = () => {
    toggle.disabled = true;
    state("Finishing …");
    listening.stop();
  };

  toggle.onclick = () => (listening ? stop() : start());
  window.addEventListener("hashchange", () => {
    if (listening && byId("live-view").hidden) stop(); // nobody listens unseen
  });
  for (const radio of document.querySelectorAll("[name=mode]")) radio.onchange = () => arrange(models);
  watchLists();
  arrange(models);
}

const mode = () => document.querySelector("[name=mode]:checked").value;

function state(line) {
  byId("live-state").textContent = line;
}

/** Show what belongs to the mode, and the models that can do it. */
function arrange(models) {
  byId("live-typed").hidden = mode() !== "typed";
  byId("live-heard").hidden = mode() === "speech";
  byId("live-transcript").hidden = mode() !== "speech";
  byId("live-scores").hidden = mode() !== "words";
  const usable = models.filter(MODES[mode()].takes);
  byId("live-pick").hidden = usable.length < 2;
  fillModels(byId("live-model"), usable, byId("live-state"), byId("live-toggle"));
}

/** Whether it listens; while it does, what it listens for stays. */
function listens(is, label, line) {
  const toggle = byId("live-toggle");
  toggle.classList.toggle("stop", is);
  toggle.textContent = label;
  toggle.disabled = false;
  for (const field of document.querySelectorAll(FIELDS)) field.disabled = is;
  state(line);
}

/** What is typed: commands, and the lists that they name. */
function typed() {
  const inputs = byId("live-lists").querySelectorAll("input");
  const slots = Object.fromEntries([...inputs].map(({ name, value }) => [name, split(value, ",")]));
  return { commands: split(byId("live-commands").value, "\n"), slots };
}

/** Give each list that is named a line to be typed into, as soon as it is named. */
function watchLists() {
  const commands = byId("live-commands");
  const known = new Map(FIRST); // what was typed stays, also while its name is gone
  const arrange = () => {
    const names = new Set([...commands.value.matchAll(LIST)].map(([, name]) => name));
    const lines = [...names].map((name) => {
      const value = known.get(name) ?? "";
      const input = make("input", { name, value, spellcheck: false, autocomplete: "off" });
      input.oninput = () => known.set(name, input.value);
      return make("label", { className: "list" }, make("code", {}, name), input);
    });
    byId("live-lists").replaceChildren(...lines);
  };
  commands.oninput = arrange;
  arrange();
}

const split = (text, by) => text.split(by).map((word) => word.trim()).filter(Boolean);
