import { ask } from "./api.js";
import { byId, make, notice } from "./elements.js";
import { live } from "./live.js";
import { picture } from "./picture.js";
import { sound } from "./sound.js";
import { text } from "./text.js";

const VIEWS = ["live", "sound", "picture", "text"];

window.onerror = (message) => notice(`The page has a fault: ${message}`);
window.onunhandledrejection = ({ reason }) => notice(`The page has a fault: ${reason?.message ?? reason}`);

/** Show the view that the address names; returns its heading. */
function show() {
  const shown = VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : VIEWS[0];
  notice();
  for (const view of VIEWS) byId(`${view}-view`).hidden = view !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  return byId(`${shown}-title`);
}

/** Dark or light: as the system has it, until the button is pressed. */
function theme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const apply = () => {
    const chosen = localStorage.getItem("theme");
    if (chosen) root.dataset.theme = chosen;
    byId("theme").setAttribute("aria-pressed", chosen ? chosen === "dark" : system.matches);
    document.dispatchEvent(new Event("theme"));
  };
  byId("theme").onclick = () => {
    const isDark = byId("theme").getAttribute("aria-pressed") === "true";
    localStorage.setItem("theme", isDark ? "light" : "dark");
    apply();
  };
  system.onchange = apply;
  apply();
}

/** Files that are picked, dropped anywhere, or pasted go to the view of their kind. */
function takeFiles(takers) {
  const give = (file, view) => {
    if (!takers[view]) return notice(`${file.name} is no sound and no picture: pick one of these.`);
    location.hash = view;
    show(); // without a model it says so
    if (!byId(`${view}-file`).disabled) takers[view](file);
  };
  const viewOf = ({ type }) => {
    if (type.startsWith("image/")) return "picture";
    if (type.startsWith("audio/") || type.startsWith("video/")) return "sound";
    return VIEWS.find((view) => !byId(`${view}-view`).hidden); // as the user says
  };
  for (const view of Object.keys(takers)) {
    const input = byId(`${view}-file`);
    input.onchange = () => {
      if (input.files.length) give(input.files[0], view);
      input.value = ""; // so that the same file can be picked again
    };
  }
  document.ondragover = (event) => event.preventDefault();
  document.ondrop = (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) give(file, viewOf(file));
  };
  document.onpaste = ({ clipboardData: { files: [file] } }) => file && give(file, viewOf(file));
}

/** All models that the server has. */
async function loadModels() {
  const { models } = await (await ask("info")).json();
  byId("models").replaceChildren(...models.map(row));
  return models;
}

function row({ name, task, bytes, license }) {
  const cells = [task, `${(bytes / 1e6).toFixed(1)} MB`, license];
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)));
}

window.onhashchange = () => show().focus(); // so that it is read out, and Tab goes on from there
show();
theme();
try {
  const models = await loadModels();
  live(models);
  text(models);
  takeFiles({ sound: sound(models), picture: picture(models) });
} catch (problem) {
  notice(problem.message);
}
