const FALL = 0.93; // of what was shown stays, from one row of scores to the next: a sixth after a second

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element. Text goes in as text: nothing on this page is ever parsed as HTML. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** One line about what went wrong; without one, the line is taken away. */
export function notice(line = "") {
  const shown = byId("notice");
  shown.textContent = line;
  shown.hidden = !line;
  if (line) shown.scrollIntoView({ block: "nearest" });
}

/** Seconds as people read them: 0:07.5, 12:03.0. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

/** Fill a list with bars, one a label, longest first as the server sends them. */
export function showBars(list, results) {
  list.replaceChildren(...results.map(({ label, score }) => bar(label, score, 1)));
}

/** Bars that move: returns a function that takes the scores, in the order of the labels.
 *
 * They rise at once and fall slowly, so that a word of half a second is seen.
 */
export function liveBars(list, labels) {
  const shown = labels.map(() => 0);
  const bars = labels.map((label, i) => bar(label, 0, 0, tone(i, labels.length)));
  list.replaceChildren(...bars);
  return (scores) =>
    bars.forEach((element, i) => {
      shown[i] = Math.max(scores[i], FALL * shown[i]);
      setScore(element, shown[i], 0);
    });
}

/** One colour for each of n labels, the same for bar and line. */
export const tone = (i, n) => `hsl(${(170 + (360 * i) / n) % 360} 60% 48%)`;

function bar(label, score, digits, colour) {
  const element = make("li", {}, make("span", {}, label), make("span", { className: "score" }));
  if (colour) element.style.setProperty("--tone", colour);
  setScore(element, score, digits);
  return element;
}

function setScore(element, score, digits) {
  element.style.setProperty("--share", score);
  element.lastChild.textContent = `${(100 * score).toFixed(digits)} %`;
}
