import { tone } from "./elements.js";
import { Spectrum, drawSpectrogram, prepared } from "./spectrogram.js";

const SPAN_S = 10; // from the left edge to the right
const COLUMN_S = 0.02;
const ANY_RATE = 48_000; // Hz, while there is no sound
const MARKS_PX = 34; // height of the strip in which what was heard stands
const SCORES_SHARE = 0.3; // of the rest, for the lines
const CALM_MS = 500; // between two pictures where motion is to be reduced
const MAX_MARKS = 50;
const EDGE_PX = 6; // a mark stops there on its way out, so that its text can be read
const SECONDS_PX = 40; // room for "12 s"

/** The last ten seconds of a stream: spectrogram, scores as lines, and what was heard. */
export class Timeline {
  constructor(canvas) {
    this.canvas = canvas;
    this.#empty(ANY_RATE, []);
    new ResizeObserver(() => this.draw()).observe(canvas);
    document.addEventListener("theme", () => this.draw());
  }

  #empty(sampleRate, labels) {
    this.sampleRate = sampleRate;
    this.labels = labels;
    this.spectrum = new Spectrum(sampleRate, Math.round(COLUMN_S * sampleRate));
    this.columns = []; // the newest last
    this.scores = []; // {at, scores}
    this.marks = []; // {text, start, end, faint}
    this.ongoing = null; // such a mark that is not complete
    this.nSamples = 0;
    this.isDrawn = false;
  }

  /** A stream of this rate begins; a spotter has scores of these labels. */
  begin(sampleRate, labels) {
    this.#empty(sampleRate, labels);
    const stream = (this.stream = {}); // another one ends the pictures of this
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const next = calm ? (step) => setTimeout(step, CALM_MS) : requestAnimationFrame;
    const step = () => {
      if (!this.isDrawn) this.draw();
      if (this.stream === stream) next(step);
    };
    step();
  }

  /** It has ended; its last picture stays. */
  end() {
    this.stream = null;
    this.draw();
  }

  push(samples) {
    this.nSamples += samples.length;
    this.isDrawn = false; // whatever else is new is drawn with the next sound
    this.columns.push(...this.spectrum.push(samples));
    this.columns.splice(0, this.columns.length - SPAN_S / COLUMN_S);
  }

  /** The scores of all labels at a time of the stream, in seconds. */
  score(at, scores) {
    this.scores.push({ at, scores });
    while (this.scores[0].at < at - SPAN_S) this.scores.shift();
  }

  /** Something was heard from start to end, in seconds of the stream. */
  mark(text, start, end, faint = false) {
    this.marks.push({ text, start, end, faint });
    this.marks.splice(0, this.marks.length - MAX_MARKS);
    this.ongoing = null;
  }

  /** Something is being said, from start to end so far. */
  open(text, start, end) {
    this.ongoing = { text, start, end, faint: true };
  }

  draw() {
    const { pen, style, width, height } = prepared(this.canvas);
    pen.font = `600 13px ${style.fontFamily}`;
    const now = this.nSamples / this.sampleRate;
    const view = {
      width,
      ink: style.color,
      x: (at) => width * (1 - (now - at) / SPAN_S),
      accent: style.getPropertyValue("--accent"),
    };
    const rest = height - MARKS_PX;
    const lines = this.labels.length ? Math.round(rest * SCORES_SHARE) : 0;
    drawSpectrogram(pen, style, this.columns, SPAN_S / COLUMN_S, [0, MARKS_PX, width, rest - lines]);
    this.#lines(pen, view, height - lines, lines);
    this.#seconds(pen, view, now, MARKS_PX, rest - lines);
    this.#heard(pen, view, this.ongoing ? [...this.marks, this.ongoing] : this.marks);
    this.isDrawn = true;
  }

  #lines(pen, { x }, top, height) {
    pen.lineWidth = 2;
    const y = (score) => top + 3 + (height - 6) * (1 - score);
    this.labels.forEach((_, label) => {
      pen.strokeStyle = tone(label, this.labels.length);
      pen.beginPath();
      for (const { at, scores } of this.scores) pen.lineTo(x(at), y(scores[label]));
      pen.stroke();
    });
  }

  #seconds(pen, { x, ink, width }, now, top, height) {
    pen.fillStyle = ink;
    for (let second = Math.max(0, Math.ceil(now - SPAN_S)); second <= now; second++) {
      pen.globalAlpha = 0.12;
      pen.fillRect(x(second), top, 1, height);
      pen.globalAlpha = 0.6;
      const hasRoom = x(second) + SECONDS_PX < width;
      if (second % 2 === 0 && hasRoom) pen.fillText(`${second} s`, x(second) + 4, top + height - 6);
    }
    pen.globalAlpha = 1;
  }

  #heard(pen, { x, width, ink, accent }, marks) {
    marks.forEach(({ text, start, end, faint }, i) => {
      const from = Math.max(x(start), EDGE_PX);
      const length = x(end) - from;
      if (length < 0) return;
      const label = this.labels.indexOf(text);
      pen.globalAlpha = faint ? 0.5 : 1;
      pen.fillStyle = faint ? ink : label < 0 ? accent : tone(label, this.labels.length);
      pen.fillRect(from, MARKS_PX - 5, length, 3);
      pen.fillStyle = ink;
      const room = (i + 1 < marks.length ? x(marks[i + 1].start) : width) - EDGE_PX - from;
      pen.fillText(fitted(pen, text, room), from, MARKS_PX - 12);
    });
    pen.globalAlpha = 1;
  }
}

/** As much of a text as has room. */
function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let n = text.length;
  while (n > 1 && pen.measureText(`${text.slice(0, n)}…`).width > width) n--;
  return `${text.slice(0, n)}…`;
}
