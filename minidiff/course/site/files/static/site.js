// Equations, folding, the theme, and animations that can be stopped and stepped through.

renderMathInElement(document.body, {
  delimiters: [
    { left: "$$", right: "$$", display: true },
    { left: "$", right: "$", display: false },
    { left: "\\begin{align}", right: "\\end{align}", display: true },
    { left: "\\begin{aligned}", right: "\\end{aligned}", display: true },
  ],
  throwOnError: false,
});

// What scrolls sideways must be reachable by keyboard; what does not must not cost a Tab.
function markScrollers() {
  for (const box of document.querySelectorAll("pre, .wide, .katex-display")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
markScrollers();
addEventListener("resize", markScrollers);
document.fonts.ready.then(markScrollers);

const root = document.documentElement;
document.getElementById("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || dark) === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {}
});

const fold = document.getElementById("fold");
function folded(hidden) {
  fold.setAttribute("aria-pressed", hidden);
  fold.textContent = hidden ? "Show code" : "Hide code";
}
// A lesson that keeps cells folded, as the tour does, is offered their code first.
if (fold && document.querySelector("details.code:not([open])")) folded(true);
fold?.addEventListener("click", () => {
  const hidden = fold.getAttribute("aria-pressed") !== "true";
  folded(hidden);
  for (const cell of document.querySelectorAll("details.code")) cell.open = !hidden;
});

// The outline stands open beside the text where there is room, and folded above it elsewhere.
const outline = document.querySelector(".outline details");
if (outline) outline.open = matchMedia("(min-width: 75rem)").matches;

function player(figure) {
  const image = figure.querySelector("img");
  const times = figure.dataset.times.split(" ").map(Number);
  const frames = figure.dataset.frames.split(" ");
  const bar = document.createElement("div");
  const button = document.createElement("button");
  const slider = document.createElement("input");
  bar.className = "player";
  button.type = "button";
  Object.assign(slider, { type: "range", min: 0, max: frames.length - 1, value: frames.length - 1 });
  slider.setAttribute("aria-label", "Frame of the animation");
  bar.append(button, slider);
  figure.append(bar);

  let timer;
  const show = (i) => {
    slider.value = i;
    image.src = frames[i];
  };
  const load = () => frames.forEach((frame) => (new Image().src = frame));
  const step = () => {
    const next = (Number(slider.value) + 1) % frames.length;
    show(next);
    timer = setTimeout(step, times[next]);
  };
  const play = (on) => {
    clearTimeout(timer);
    button.textContent = on ? "Pause" : "Play";
    button.dataset.on = on ? "1" : "";
    if (on) {
      load();
      step();
    }
  };
  button.addEventListener("click", () => play(!button.dataset.on));
  slider.addEventListener("input", () => {
    play(false);
    show(Number(slider.value));
  });
  play(false);

  // It starts when it is first seen, unless the reader has asked for less motion.
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    play(true);
  });
  seen.observe(figure);
}
document.querySelectorAll("figure[data-frames]").forEach(player);
