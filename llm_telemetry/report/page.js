"use strict";
// What the page does beyond standing there: numbers under the pointer, lines on and off, from a number to its evidence.

const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});

function nearest(places, place) {
  let best = 0;
  places.forEach((p, i) => { if (Math.abs(p - place) < Math.abs(places[best] - place)) best = i; });
  return best;
}

function say(value, unit) {
  const number = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(4));
  return unit === "USD" ? "$" + number : number + " " + unit;
}

function follow(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const [area, cursor, tip] = [".area", ".cursor", ".tip"].map(name => figure.querySelector(name));
  const paths = [...figure.querySelectorAll("g[data-series]")];
  const shown = i => !paths[i].classList.contains("off");
  const places = [...new Set(data.lines.flatMap(line => line.x))].sort((a, b) => a - b);
  let at = -1;

  function point(i) {
    at = Math.max(0, Math.min(places.length - 1, i));
    const here = data.lines.map((line, n) => ({ line, n, row: line.x.indexOf(places[at]) }));
    const told = here.filter(({ n, row }) => row >= 0 && shown(n));
    cursor.hidden = false;
    cursor.style.left = 100 * (places[at] - data.low) / (data.high - data.low) + "%";
    const where = data.across ? say(places[at], "USD") + " a rollout" : "step " + places[at];
    tip.textContent = where + ": " + told.map(({ line, row }) => line.name + " " + say(line.y[row], data.unit)).join(" · ");
    return told.map(({ line }) => line.name);
  }

  function open(names) {
    const about = data.about && names.length === 1 ? { [data.about]: names[0] } : {};
    drill(figure, data.across ? about : { ...about, step: String(places[at]) });
  }

  area.addEventListener("pointermove", event => {
    const box = area.getBoundingClientRect();
    point(nearest(places, data.low + (data.high - data.low) * (event.clientX - box.left) / box.width));
  });
  area.addEventListener("click", () => at >= 0 && open(point(at)));
  figure.addEventListener("keydown", event => {
    if (event.target !== figure) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: places.length - 1 }[event.key];
    if (to !== undefined) { point(to); event.preventDefault(); }
    if (event.key === "Enter" && at >= 0) open(point(at));
  });
  figure.querySelectorAll(".legend button").forEach((button, i) => {
    button.addEventListener("click", () => button.setAttribute("aria-pressed", String(!paths[i].classList.toggle("off"))));
    button.addEventListener("pointerenter", () => paths.forEach((path, n) => path.classList.toggle("faint", n !== i && shown(i))));
    button.addEventListener("pointerleave", () => paths.forEach(path => path.classList.remove("faint")));
  });
}

// Show the evidence that fits, of the run in which `from` stands, and go there.
function drill(from, wanted) {
  const evidence = (from.closest(".run") || document).querySelector(".evidence");
  if (!evidence) return;
  const fits = (article, [name, value]) => name === "source"
    ? [article.dataset.source, article.dataset.judge].includes(value) : article.dataset[name] === value;
  let count = 0;
  evidence.querySelectorAll("article").forEach(article => {
    article.hidden = !Object.entries(wanted).every(part => fits(article, part));
    count += !article.hidden;
  });
  const words = Object.entries(wanted).map(part => part.join(" ")).join(", ");
  evidence.querySelector(".filter output").textContent = words ? `${words}: ${count} captured` : `${count} captured`;
  evidence.querySelector(".filter button").hidden = !words;
  evidence.scrollIntoView();
  evidence.focus({ preventScroll: true });
}

document.querySelectorAll("figure.chart").forEach(follow);
document.querySelectorAll("a[data-about]").forEach(link => link.addEventListener("click", event => {
  event.preventDefault();
  drill(link, link.dataset.name ? { [link.dataset.about]: link.dataset.name } : {});
}));
document.querySelectorAll(".evidence .filter button").forEach(button =>
  button.addEventListener("click", () => drill(button, {})));
