import { classifyFile } from "./api.js";
import { Questions, fillModels } from "./asking.js";
import { byId, make, showBars } from "./elements.js";

/** A picture, and what it shows; returns what takes a file. */
export function picture(models) {
  const model = byId("picture-model");
  const questions = new Questions(byId("picture-state"));
  let current = null;
  const usable = models.filter(({ task }) => task === "image-classification");
  fillModels(model, usable, byId("picture-state"), byId("picture-file"));

  const ask = () =>
    questions.ask("Looking …", (signal) => classifyFile(model.value, current, signal), (results) => {
      showBars(byId("picture-bars"), results);
      byId("picture-result").hidden = false;
    });
  const take = (file) => {
    current = file;
    const shown = make("img", { src: URL.createObjectURL(file), alt: "The picture that was picked" });
    shown.onload = () => URL.revokeObjectURL(shown.src);
    byId("picture-shown").replaceChildren(shown);
    byId("picture-result").hidden = true;
    ask();
  };
  model.onchange = () => current && ask();
  return take;
}
