// A scatter plot of many points: drawn, panned, zoomed and hovered in the browser.
// It is sent after points.js, as one text.

const plots = new WeakMap();
const MANY = 10000;

function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

class Plot {
  constructor(root) {
    const find = (part) => root.querySelector(`[data-part=${part}]`);
    this.host = root.host ?? root;
    this.canvas = find("canvas");
    this.legend = find("legend");
    this.tip = find("tip");
    this.hidden = new Set();
    this.waiting = 0;
    const c = this.canvas;
    new ResizeObserver(() => this.draw()).observe(c.parentElement);
    c.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY * 0.0015), e.offsetX, e.offsetY);
    }, { passive: false });
    c.addEventListener("dblclick", () => this.reset());
    c.addEventListener("pointerdown", (e) => { c.setPointerCapture(e.pointerId); this.grip = [e.offsetX, e.offsetY]; });
    for (const end of ["pointerup", "pointercancel"]) c.addEventListener(end, () => { this.grip = null; });
    c.addEventListener("pointermove", (e) => (this.grip ? this.drag(e) : this.hover(e)));
    c.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    c.addEventListener("keydown", (e) => this.key(e));
    find("reset").onclick = () => this.reset();
    find("png").onclick = () => this.png();
    find("svg").onclick = () => {
      const svg = toSvg(this.points, this.view, this.width, this.height, { colours: this.colours(),
        hidden: this.hidden, r: this.r(), ...this.theme() });
      const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
      save(url, `${this.points.meta.file}.svg`);
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
  }

  show(bytes) {
    if (bytes === this.bytes) return this.draw(); // another theme: the same points
    const old = this.points?.meta;
    this.bytes = bytes;
    this.points = unpack(bytes);
    const { meta, x, y, k } = this.points;
    this.grid = makeGrid(x, y);
    const layers = meta.categories.map((c) => c.layer);
    const above = [], below = [];
    for (let i = 0; i < meta.n; i++) (layers[k[i]] ? above : below).push(i);
    this.order = Uint32Array.from(below.concat(above));
    if (old?.set !== meta.set) this.view = null; // the same map stays where it was moved
    if (old?.title !== meta.title) this.hidden.clear();
    this.canvas.setAttribute("aria-label", meta.alt);
    this.fillLegend();
    this.draw();
  }

  fillLegend() {
    const { meta } = this.points;
    const title = Object.assign(document.createElement("strong"), { textContent: meta.title });
    const buttons = meta.categories.map((c) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const dot = document.createElement("i");
      dot.style.background = c.colour;
      button.title = `Show or hide ${c.name}`;
      button.append(dot, c.name, Object.assign(document.createElement("span"), { textContent: c.count }));
      button.setAttribute("aria-pressed", String(!this.hidden.has(c.name)));
      button.onclick = () => {
        if (!this.hidden.delete(c.name)) this.hidden.add(c.name);
        button.setAttribute("aria-pressed", String(!this.hidden.has(c.name)));
        this.draw();
      };
      return button;
    });
    this.legend.replaceChildren(title, ...buttons);
  }

  get width() { return this.canvas.clientWidth; }
  get height() { return this.canvas.clientHeight; }
  colours() { return this.points.meta.categories.map((c) => c.colour); }
  r() { return radius(this.points.meta.n, this.view.scale / this.home().scale); }
  home() { return fit(this.points.x, this.points.y, this.width, this.height); }
  theme() {
    const style = getComputedStyle(this.host);
    const read = (name, other) => style.getPropertyValue(name).trim() || other;
    return { ink: read("--st-text-color", "#31333f"), ground: read("--st-background-color", "#fff") };
  }

  reset() { this.view = null; this.draw(); }
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const home = this.home().scale;
    this.view = zoomAt(this.view, this.width, this.height, px, py, factor, home / 2, home * 200);
    this.draw();
  }
  pan(dx, dy) {
    this.view = { ...this.view, cx: this.view.cx - dx / this.view.scale, cy: this.view.cy + dy / this.view.scale };
    this.draw();
  }
  drag(e) {
    this.tip.hidden = true;
    this.pan(e.offsetX - this.grip[0], e.offsetY - this.grip[1]);
    this.grip = [e.offsetX, e.offsetY];
  }
  key(e) {
    const step = 40;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[e.key]) this.pan(...moves[e.key]);
    else if (e.key === "+" || e.key === "=") this.zoom(1.25);
    else if (e.key === "-") this.zoom(0.8);
    else if (e.key === "0" || e.key === "Home") this.reset();
    else return;
    e.preventDefault();
  }
  hover(e) {
    const [x, y] = toData(this.view, this.width, this.height, e.offsetX, e.offsetY);
    const names = this.points.meta.categories.map((c) => c.name);
    const found = nearest(this.points, this.grid, x, y, (this.r() + 4) / this.view.scale,
      (k) => !this.hidden.has(names[k]));
    this.tip.hidden = found < 0;
    if (found < 0) return;
    this.tip.textContent = `${this.points.meta.title} ${names[this.points.k[found]]}`;
    this.tip.style.left = `${Math.min(e.offsetX + 12, this.width - 90)}px`;
    this.tip.style.top = `${Math.max(e.offsetY - 28, 0)}px`;
  }

  draw() {
    if (this.waiting || !this.points) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    if (!this.width || !this.height) return; // on a tab that is not shown
    const began = performance.now(), ratio = window.devicePixelRatio || 1, c = this.canvas;
    const w = Math.round(this.width * ratio), h = Math.round(this.height * ratio);
    if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
    this.view ??= this.home();
    const pen = c.getContext("2d"), r = this.r() * ratio, side = Math.ceil(2 * r + 2);
    if (this.points.meta.n > MANY) return this.paintMany(pen, { w, h, r, ratio, began });
    const stamps = this.points.meta.categories.map((category) => {
      if (this.hidden.has(category.name)) return null;
      const stamp = new OffscreenCanvas(side, side), ink = stamp.getContext("2d");
      ink.fillStyle = category.colour;
      ink.globalAlpha = 0.75;
      ink.arc(side / 2, side / 2, r, 0, 2 * Math.PI);
      ink.fill();
      return stamp;
    });
    pen.clearRect(0, 0, w, h);
    const { x, y, k } = this.points, { cx, cy } = this.view, scale = this.view.scale * ratio;
    const left = w / 2 - side / 2 - cx * scale, top = h / 2 - side / 2 + cy * scale;
    for (const i of this.order) {
      const stamp = stamps[k[i]];
      if (!stamp) continue;
      const px = left + x[i] * scale, py = top - y[i] * scale;
      if (px > -side && py > -side && px < w && py < h) pen.drawImage(stamp, px, py);
    }
    this.painted(began);
  }

  // Discs of whole pixels written straight into the picture: many times quicker.
  paintMany(pen, { w, h, r, ratio, began }) {
    const image = pen.createImageData(w, h), out = new Uint32Array(image.data.buffer);
    const inks = this.points.meta.categories.map((c) => {
      const rgb = parseInt(c.colour.slice(1), 16); // #rrggbb; memory holds a, b, g, r
      const bgr = ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16);
      return this.hidden.has(c.name) ? 0 : (0xff000000 | bgr) >>> 0;
    });
    const edge = Math.ceil(r), disc = [];
    for (let dy = -edge; dy <= edge; dy++)
      for (let dx = -edge; dx <= edge; dx++) if (dx * dx + dy * dy <= r * r) disc.push(dy * w + dx);
    const { x, y, k } = this.points, { cx, cy } = this.view, scale = this.view.scale * ratio;
    for (const i of this.order) {
      const ink = inks[k[i]];
      const px = Math.round(w / 2 + (x[i] - cx) * scale), py = Math.round(h / 2 - (y[i] - cy) * scale);
      if (!ink || px < edge || py < edge || px >= w - edge || py >= h - edge) continue;
      for (let j = 0, at = py * w + px; j < disc.length; j++) out[at + disc[j]] = ink;
    }
    pen.putImageData(image, 0, 0);
    this.painted(began);
  }

  painted(began) {
    const c = this.canvas;
    c.dataset.paint = (performance.now() - began).toFixed(1); // ms
    c.dataset.painted = String(Number(c.dataset.painted ?? 0) + 1);
  }

  png() {
    const ratio = window.devicePixelRatio || 1, { ink, ground } = this.theme();
    const out = document.createElement("canvas"), pen = out.getContext("2d");
    const shown = this.points.meta.categories.filter((c) => !this.hidden.has(c.name));
    out.width = this.canvas.width + 170 * ratio;
    out.height = Math.max(this.canvas.height + 26 * ratio, (40 + 18 * shown.length) * ratio);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, out.width, out.height);
    pen.drawImage(this.canvas, 0, 0);
    pen.scale(ratio, ratio);
    pen.font = "bold 12px sans-serif";
    pen.fillStyle = ink;
    pen.fillText(this.points.meta.title, this.width + 8, 14);
    pen.font = "12px sans-serif";
    shown.forEach((c, j) => {
      pen.fillStyle = c.colour;
      pen.beginPath();
      pen.arc(this.width + 14, 30 + 18 * j, 5, 0, 2 * Math.PI);
      pen.fill();
      pen.fillStyle = ink;
      pen.fillText(`${c.name} (${c.count})`, this.width + 26, 34 + 18 * j);
    });
    pen.textAlign = "center";
    pen.fillText("UMAP 1", this.width / 2, this.height + 18);
    pen.translate(12, this.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("UMAP 2", 0, 0);
    out.toBlob((blob) => save(URL.createObjectURL(blob), `${this.points.meta.file}.png`));
  }
}

export default function ({ data, parentElement }) {
  let plot = plots.get(parentElement);
  if (!plot) plots.set(parentElement, (plot = new Plot(parentElement)));
  plot.show(data);
}
