import { make, notice } from "./elements.js";

const TASKS = {
  "audio-classification": "Name a sound",
  "automatic-speech-recognition": "Transcribe speech",
  "image-classification": "Name what a picture shows",
  "text-classification": "Classify a text",
  "voice-activity-detection": "Tell when somebody speaks",
};

/** Offer these models, by task where there are several; without any, `users` have nothing to do. */
export function fillModels(select, models, state, ...users) {
  for (const user of users) user.disabled = models.length === 0;
  state.textContent = models.length ? "" : "No model on this server does that.";
  const before = select.value;
  const tasks = [...new Set(models.map((model) => model.task))];
  const named = (task) => models.filter((model) => model.task === task);
  const options = (task) => named(task).map(({ name }) => make("option", {}, name));
  const groups = tasks.map((task) => make("optgroup", { label: TASKS[task] ?? task }, ...options(task)));
  select.replaceChildren(...(tasks.length > 1 ? groups : tasks.flatMap(options)));
  if (models.some(({ name }) => name === before)) select.value = before;
}

/** One question at a time, with a line that says so: a new one ends the one before.
 *
 * Ending a request ends its computation on the server, too.
 */
export class Questions {
  #state;
  #cancel;
  #current = null;

  /** `state` is where the line stands, `cancel` a button, where there is one. */
  constructor(state, cancel = null) {
    this.#state = state;
    this.#cancel = cancel;
    if (cancel) cancel.onclick = () => this.#finish(this.#current);
  }

  /** Ask by `question(signal)`, and hand the answer to `shown`; what goes wrong is a notice. */
  async ask(line, question, shown) {
    this.#finish(this.#current);
    const asked = new AbortController();
    this.#current = asked;
    notice();
    this.#state.textContent = line;
    if (this.#cancel) this.#cancel.hidden = false;
    try {
      const answer = await question(asked.signal);
      if (!asked.signal.aborted) shown(answer);
    } catch (problem) {
      if (!asked.signal.aborted) notice(problem.message);
    } finally {
      if (this.#current === asked) this.#finish(asked);
    }
  }

  #finish(asked) {
    asked?.abort();
    this.#current = null;
    this.#state.textContent = "";
    if (this.#cancel) this.#cancel.hidden = true;
  }
}
