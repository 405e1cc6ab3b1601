// The page's part of painting.py: a canvas for mouse, pen, finger and keyboard. A drawing is one
// byte for each channel of each pixel, (H, W, C), and goes to the kernel after every stroke.

const TINT = [213, 94, 0]; // what a mask is shown in
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
const between = (low, value, high) => Math.max(low, Math.min(high, value));

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function render({ model, el }) {
  const [height, width, channels] = model.get("shape");
  const [scale, inks] = [model.get("scale"), model.get("inks")];
  const [picture, paper] = [bytesOf(model.get("picture")), bytesOf(model.get("paper"))];
  const widest = Math.ceil(Math.min(height, width) / 2);
  let [drawing, size, ink, erasing] = [bytesOf(model.get("drawing")), model.get("brush"), 0, false];
  let [x, y, held] = [Math.floor(width / 2) + 0.5, Math.floor(height / 2) + 0.5, false];

  const id = `minidiff-painter-${Math.random().toString(36).slice(2)}`;
  const canvas = element("canvas", {
    width: width * scale, height: height * scale, tabindex: 0, role: "application",
    "aria-label": model.get("description"), "aria-describedby": id,
  });
  const button = (label, press) => {
    const made = element("button", { type: "button" }, label);
    made.addEventListener("click", () => { press(); show(); });
    return made;
  };
  const swatches = inks.length < 2 ? [] : inks.map(([name, rgb], i) => {
    const made = button("", () => { ink = i; erasing = false; });
    made.style.background = `rgb(${rgb})`;
    made.className = "swatch";
    made.title = `${name} (${i + 1})`;
    made.setAttribute("aria-label", name);
    return made;
  });
  const eraser = button("Eraser", () => { erasing = !erasing; });
  const clear = button("Clear", () => { drawing = paper.slice(); send(); });
  const ask = button(model.get("button"), () => { if (!model.get("asked")) send({ asked: true }); });
  ask.className = "ask";
  const slider = element("input", { type: "range", min: 1, max: widest });
  slider.addEventListener("input", () => { size = Number(slider.value); show(); });
  const status = element("span", { role: "status" });
  const help = element("p", { id },
    "Paint with the mouse, a pen or a finger. By keyboard: arrow keys move the brush, Space or Enter "
    + "paints, Shift with an arrow paints along the way, + and − change the brush, E erases, C clears"
    + (swatches.length ? `, 1 to ${inks.length} pick a colour.` : "."));
  el.classList.add("minidiff-painter");
  el.setAttribute("data-lm-suppress-shortcuts", "true"); // or JupyterLab takes C for copying a cell
  el.append(
    canvas,
    ...(swatches.length ? [element("div", { role: "group", "aria-label": "Colour" }, ...swatches)] : []),
    element("div", {}, ask, eraser, clear, element("label", {}, "Brush ", slider), status),
    help,
  );

  const small = element("canvas", { width, height }); // pixel for pixel, not shown itself
  const screen = canvas.getContext("2d");

  function show() {
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        image.data[4 * i + c] = !picture.length ? drawing[channels * i + (c % channels)]
          : drawing[i] ? 0.4 * picture[3 * i + c] + 0.6 * TINT[c] : picture[3 * i + c];
      }
      image.data[4 * i + 3] = 255;
    }
    small.getContext("2d").putImageData(image, 0, 0);
    screen.imageSmoothingEnabled = false;
    screen.drawImage(small, 0, 0, canvas.width, canvas.height);
    if (canvas.matches(":focus, :hover")) { // a ring of two colours is seen on any picture
      for (const [color, shrink] of [["black", 0], ["white", 1.5]]) {
        screen.beginPath();
        screen.arc(x * scale, y * scale, Math.max(2, (size * scale) / 2 - shrink), 0, 2 * Math.PI);
        screen.strokeStyle = color;
        screen.lineWidth = 1.5;
        screen.stroke();
      }
    }
    slider.value = size;
    eraser.setAttribute("aria-pressed", erasing);
    swatches.forEach((made, i) => made.setAttribute("aria-pressed", i === ink && !erasing));
    ask.setAttribute("aria-disabled", model.get("asked")); // stays in focus, unlike a disabled one
    const doing = erasing ? "erasing" : inks.length > 1 ? `painting in ${inks[ink][0]}` : "painting";
    const place = `column ${Math.floor(x) + 1}, row ${Math.floor(y) + 1}`;
    status.textContent = model.get("asked") ? "working …" : `${doing}, ${size} wide, at ${place}`;
  }

  function stamp(x, y) {
    const radius = Math.max(size / 2, 0.75); // the smallest brush still meets a pixel's centre
    const [bottom, right] = [Math.min(height, y + radius), Math.min(width, x + radius)];
    for (let row = Math.max(0, Math.floor(y - radius)); row < bottom; row++) {
      for (let column = Math.max(0, Math.floor(x - radius)); column < right; column++) {
        if (Math.hypot(column + 0.5 - x, row + 0.5 - y) > radius) continue;
        const at = (row * width + column) * channels;
        drawing.set(erasing ? paper.subarray(at, at + channels) : inks[ink][1].slice(0, channels), at);
      }
    }
  }

  function paintTo(toX, toY) {
    const steps = Math.ceil(Math.hypot(toX - x, toY - y)) || 1;
    for (let i = 0; i <= steps; i++) stamp(x + ((toX - x) * i) / steps, y + ((toY - y) * i) / steps);
    [x, y] = [toX, toY];
  }

  function send(more = {}) {
    const changes = { drawing: new DataView(drawing.slice().buffer), ...more };
    for (const [key, value] of Object.entries(changes)) model.set(key, value);
    model.save_changes();
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    held = true;
    [x, y] = place(event);
    paintTo(x, y);
    show();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held) paintTo(...place(event));
    else [x, y] = place(event);
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      if (held) send();
      held = false;
      show();
    });
  }
  for (const kind of ["focus", "blur", "pointerleave"]) canvas.addEventListener(kind, show);

  canvas.addEventListener("keydown", (event) => {
    const [key, arrow] = [event.key.toLowerCase(), ARROWS[event.key]];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) {
      const far = Math.max(1, Math.floor(size / 2));
      const to = [
        between(0.5, x + far * arrow[0], width - 0.5),
        between(0.5, y + far * arrow[1], height - 0.5),
      ];
      if (event.shiftKey) { paintTo(...to); send(); } else [x, y] = to;
    } else if (key === " " || key === "enter") { paintTo(x, y); send(); }
    else if (key === "+" || key === "=") size = between(1, size + Math.ceil(size / 10), widest);
    else if (key === "-") size = between(1, size - Math.ceil(size / 10), widest);
    else if (key === "e") erasing = !erasing;
    else if (key === "c") { drawing = paper.slice(); send(); }
    else if (swatches[key - 1]) [ink, erasing] = [key - 1, false];
    else return;
    event.preventDefault();
    show();
  });

  const take = () => { // also what another view of the same drawing has painted
    if (!held) drawing = bytesOf(model.get("drawing"));
    show();
  };
  model.on("change:drawing", take);
  model.on("change:asked", show);
  show();
  return () => {
    model.off("change:drawing", take);
    model.off("change:asked", show);
  };
}

export default { render };
