import { byId, clock, liveBars, make } from "./elements.js";
import { Timeline } from "./timeline.js";

const MAX_LINES = 100; // of a log or a transcript that stay on the page
const WHY = { // it was none
  "below threshold": "not sure enough",
  "refractory": "the same again",
  "not confirmed": "the second look did not agree",
  "not a command": "none of the commands",
};

/** What is shown of a stream while it goes on. */
export class Heard {
  #timeline = new Timeline(byId("live-timeline"));
  #labels = []; // that have scores
  #bars = null;

  /** Nothing was heard yet. */
  clear() {
    for (const id of ["live-log", "live-text", "live-partial"]) byId(id).replaceChildren();
    last("…", "last");
  }

  /** A stream of this rate begins, with scores of these labels. */
  begin(sampleRate, labels) {
    this.#labels = labels;
    this.#bars = liveBars(byId("live-bars"), labels);
    this.#timeline.begin(sampleRate, labels);
    byId("live-columns").hidden = false;
    byId("live-empty").hidden = true;
    const first = document.querySelector("#live-columns .card:not([hidden]) h2");
    first.scrollIntoView({ block: "nearest" });
  }

  end() {
    this.#timeline.end();
  }

  sound(samples) {
    this.#timeline.push(samples);
  }

  /** One of the events of /v1/listen; of those that it does not know, nothing is shown. */
  event(event) {
    this.#shown[event.event]?.(event);
  }

  #shown = {
    scores: ({ at_s, scores }) => {
      const row = this.#labels.map((label) => scores?.[label] ?? 0); // asleep, it has none
      this.#timeline.score(at_s, row);
      this.#bars(row);
    },
    detection: ({ label, score, start_s, end_s, text, slots }) => {
      this.#timeline.mark(text ?? label, start_s, end_s);
      log(text ?? label, said(label, text, slots), start_s, score);
    },
    rejection: ({ rejected, score, start_s, end_s, reason }) => {
      const nearly = rejected ? `nearly “${rejected}”: ` : "";
      this.#timeline.mark(rejected || "–", start_s, end_s, true);
      log(null, nearly + WHY[reason], start_s, score);
    },
    partial: ({ partial, stable, timestamp }) => {
      this.#timeline.open(partial, ...timestamp);
      byId("live-partial").replaceChildren(make("b", {}, stable), partial.slice(stable.length));
    },
    final: ({ text, timestamp: [start, end] }) => {
      const lines = byId("live-text");
      this.#timeline.mark(text.trim(), start, end);
      byId("live-partial").replaceChildren();
      lines.append(make("p", { title: clock(start) }, text.trim()));
      if (lines.children.length > MAX_LINES) lines.firstChild.remove();
    },
  };
}

/** One line of what was heard; without a word, why it was none. */
function log(word, line, start, score) {
  last(word ?? line, word ? "last heard" : "last rejected");
  const entry = make(
    "li",
    { className: word ? "" : "rejected" },
    make("time", {}, clock(start)),
    make("span", {}, line),
    make("span", { className: "score" }, score.toFixed(2)),
  );
  const lines = byId("live-log");
  lines.prepend(entry);
  if (lines.children.length > MAX_LINES) lines.lastChild.remove();
}

const last = (text, className) => Object.assign(byId("live-last"), { textContent: text, className });

/** What was said of a typed command, and what stood in its braces. */
function said(label, text, slots = {}) {
  const filled = Object.entries(slots).map(([name, value]) => `${name}: ${value}`);
  return text ? [text, ...filled].join(" · ") : label;
}
