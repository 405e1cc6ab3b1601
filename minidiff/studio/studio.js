// The studio's page. What a button asks goes to the kernel as a message; pictures come back one by one.

const UNDER = ["again", "vary a little", "vary a lot", "vary by meaning", "use as start", "enlarge", "slowly"];
const HELP = {
  again: "four others", "vary a little": "noise turned by 20 degrees", "vary a lot": "noise turned by 60 degrees",
  "vary by meaning": "others with the same things in them, from a vector of what the picture shows",
  "use as start": "image to image, with the prompt above", enlarge: "at twice the size, by a second model",
  slowly: "the same seed with the slow model, which obeys more often",
};
const SILENCE = 60000; // milliseconds without an answer

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function render({ model, el }) {
  const shots = new Map(); // by number
  const past = []; // rows of numbers that were shown before
  let [row, busy, timer, marked, holes] = [[], false, null, new Set(), new Map()];
  let [columns, wanted] = [0, 0]; // of a table of values, 0 for as many as fit; those of the one asked for

  el.classList.add("minidiff-studio");
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  const status = element("p", { role: "status" });
  const id = `words-${Math.random().toString(36).slice(2)}`;
  const words = element("datalist", { id });
  const prompt = element("input", { type: "text", list: id, size: 40, autocomplete: "off" });
  prompt.value = model.get("prompt");
  const field = (label, input) => element("label", {}, `${label} `, input);
  const choice = (values) => element("select", {}, ...values.map((v) => element("option", { value: v }, v)));
  const [models, sizes] = [choice(model.get("models")), choice(["64x64", "96x64", "64x96", "128x64"])];
  const [seed, steps, guidance, negative] = ["number", "number", "number", "text"].map((type) => element("input", { type }));
  seed.value = 0;
  guidance.step = "0.5";
  steps.placeholder = guidance.placeholder = "its own";
  negative.placeholder = "nothing";
  const button = (label, press, title) => {
    const made = element("button", { type: "button", ...(title ? { title } : {}) }, label);
    made.addEventListener("click", press);
    return made;
  };
  const four = button("Paint four", paintFour);
  four.className = "ask";
  const back = button("Undo", () => { if (past.length) { [row, columns] = [past.pop(), 0]; show(); } });
  const mix = button("Blend the two marked", () => ask({ action: "blend", numbers: [...marked] }));
  const across = choice(["seed", "steps", "guidance", "prompt"]);
  const values = element("input", { type: "text", value: "1, 2, 4, 8", "aria-label": "Values" });
  const down = choice(["nothing", "seed", "steps", "guidance", "prompt"]);
  const others = element("input", { type: "text", value: "0, 1", "aria-label": "Values of the other" });
  const table = button("Try values", () => {
    const second = down.value === "nothing" ? {} : { down: down.value, others: others.value };
    ask({ action: "grid", numbers: row.slice(0, 1), across: across.value, values: values.value, ...second });
  });
  const folder = element("input", { type: "text", value: "pictures" });
  const save = button("Save all", () => ask({ action: "save", folder: folder.value }));
  const now = element("div", { class: "now", role: "group", "aria-label": "Pictures" });
  const strip = element("div", { class: "strip", role: "group", "aria-label": "All that was made" });
  el.append(
    element("div", { class: "fields" }, field("Prompt", prompt), words, four),
    element("div", { class: "fields" }, field("Model", models), field("Seed", seed), field("Size", sizes),
      field("Steps", steps), field("Guidance", guidance), field("Avoid", negative)),
    status, now,
    element("div", { class: "fields" }, back, mix, field("First picture with", across), values, field("and down", down), others, table,
      field("Folder", folder), save),
    strip,
  );

  function complete() { // the last word of the prompt, from the vocabulary
    const [, before, begun] = prompt.value.match(/^(.*?)(\w*)$/s);
    const fits = begun ? model.get("words").filter((word) => word.startsWith(begun) && word !== begun) : [];
    words.replaceChildren(...fits.slice(0, 8).map((word) => element("option", { value: before + word })));
  }

  function paintFour() {
    ask({
      action: "paint", prompt: prompt.value, seed: seed.value, model: models.value, size: sizes.value,
      steps: steps.value, guidance: guidance.value, negative: negative.value,
    });
  }

  function ask(message) {
    if (busy) return say("still painting: one wish at a time");
    busy = true;
    wanted = message.action === "grid" ? message.values.split(",").length : 0;
    if (message.action !== "hello" && message.action !== "save") {
      past.push(row);
      marked = new Set();
      holes = new Map();
    }
    say(message.action === "hello" ? "" : "painting …");
    wait();
    try { model.send(message); } catch { silent(); }
  }

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(silent, SILENCE);
  }

  function silent() {
    clearTimeout(timer);
    busy = false;
    say("no answer: the kernel may have been restarted. The pictures stay; run the cell again to go on.");
  }

  function say(text) { status.textContent = text; }

  function hole(number) { // sixteen squares to tick, and a button
    const made = element("div", { class: "hole", role: "group", "aria-label": "What to paint anew" });
    const squares = Array.from({ length: 16 }, (_, k) => {
      const tick = element("input", { type: "checkbox", "aria-label": `row ${1 + (k >> 2)}, column ${1 + (k % 4)}` });
      made.append(tick);
      return tick;
    });
    const go = button("fill the ticked squares", () => {
      const bits = squares.map((tick) => (tick.checked ? "1" : "0")).join("");
      ask({ action: "fill", numbers: [number], mask: bits.match(/.{4}/g).join(" "), prompt: prompt.value });
    });
    return element("div", {}, made, go);
  }

  function figure(number) {
    const shot = shots.get(number);
    const image = element("img", { src: `data:image/png;base64,${shot.data}`, alt: `${shot.prompt}, ${shot.told}` });
    const mark = element("input", { type: "checkbox" });
    mark.checked = marked.has(number);
    mark.addEventListener("change", () => { marked[mark.checked ? "add" : "delete"](number); });
    const under = UNDER.filter((action) => action !== "enlarge" || model.get("enlarges"));
    const buttons = under.map((action) => button(action, () => ask({ action, numbers: [number], prompt: prompt.value }), HELP[action]));
    const open = button("fill a hole", () => {
      if (holes.has(number)) holes.delete(number); else holes.set(number, hole(number));
      show();
    });
    open.setAttribute("aria-expanded", holes.has(number));
    const save = element("a", { href: image.src, download: `${shot.prompt}-${shot.seed}.png` }, "picture alone");
    return element("figure", { "data-number": number }, image,
      element("figcaption", {}, `${shot.prompt}: ${shot.told}`),
      element("div", { class: "under" }, ...buttons, open, field("mark", mark), save),
      ...(holes.has(number) ? [holes.get(number)] : []));
  }

  function show() {
    const held = el.contains(document.activeElement) && document.activeElement;
    const place = held && held.closest("figure") && [...held.closest("figure").querySelectorAll("button, input")].indexOf(held);
    const at = held && held.closest("figure")?.dataset.number;
    now.replaceChildren(...row.map(figure));
    now.classList.toggle("table", columns > 0);
    now.style.setProperty("--columns", columns);
    if (at !== undefined && at !== false) { // the key that was pressed stays under the finger
      now.querySelector(`[data-number="${at}"]`)?.querySelectorAll("button, input")[place]?.focus();
    }
    strip.replaceChildren(...[...shots].map(([number, shot]) => {
      const back = button("", () => { past.push(row); [row, columns] = [[number], 0]; show(); });
      back.append(element("img", { src: `data:image/png;base64,${shot.data}`, alt: "" }));
      back.setAttribute("aria-label", `number ${number + 1}: ${shot.prompt}, ${shot.told}`);
      return back;
    }));
    back.setAttribute("aria-disabled", !past.length);
  }

  function heard(message) {
    if (message.kind === "shot") {
      shots.set(message.number, message);
      columns = wanted;
      row = message.row.length ? message.row : [...shots.keys()].slice(-4);
      if (busy) wait();
    } else {
      clearTimeout(timer);
      busy = false;
      say(message.said || (shots.size ? `${shots.size} made` : "nothing made yet"));
      if (message.said && past.length && row === past[past.length - 1]) past.pop(); // nothing came of it
    }
    show();
  }

  prompt.addEventListener("input", complete);
  prompt.addEventListener("keydown", (event) => { if (event.key === "Enter") paintFour(); });
  model.on("msg:custom", heard);
  show();
  ask({ action: "hello" });
  return () => { model.off("msg:custom", heard); clearTimeout(timer); };
}

export default { render };
