import { askJson } from "./api.js";
import { Questions, fillModels } from "./asking.js";
import { byId, showBars } from "./elements.js";

/** A text, or a pair of them, and what it says. */
export function text(models) {
  const [model, form, first, second] = ["text-model", "text-form", "text-first", "text-second"].map(byId);
  const questions = new Questions(byId("text-state"));
  const usable = models.filter(({ task }) => task === "text-classification");
  fillModels(model, usable, byId("text-state"), form.querySelector("[type=submit]"));

  form.onsubmit = (event) => {
    event.preventDefault();
    const pair = second.value.trim();
    const inputs = pair ? { text: first.value, text_pair: pair } : first.value;
    const question = (signal) => askJson(`models/${model.value}`, { inputs }, signal);
    questions.ask("Reading …", question, ([results]) => {
      showBars(byId("text-bars"), results);
      byId("text-result").hidden = false;
    });
  };
  first.onkeydown = second.onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  };
}
