// A map of many points: drawn, panned, zoomed, hovered and drawn upon in the browser.
// It is sent after the other files, as one text.

const plots = new WeakMap();
// A picture of many points that takes longer (ms) is thinned while it moves.
const SLOW = 24, REST = 140, FEW = 20000;

class Plot {
  constructor(root) {
    const find = (part) => root.querySelector(`[data-part=${part}]`);
    this.host = root.host ?? root;
    this.root = root;
    this.find = find;
    this.canvas = find("canvas");
    this.over = find("over");
    this.hidden = new Set();
    this.shown = { contours: false, names: true };
    this.waiting = 0;
    this.took = 0;
    this.meant = -1;
    this.hands = new Hands(this, this.canvas);
    new ResizeObserver(() => this.redraw()).observe(this.canvas.parentElement);
    for (const tool of ["move", "lasso", "box"]) find(tool).onclick = () => this.hands.take(tool);
    for (const name of ["contours", "names"]) find(name).onclick = () => this.toggle(name);
    find("in").onclick = () => this.zoom(1.4);
    find("out").onclick = () => this.zoom(1 / 1.4);
    find("reset").onclick = () => this.reset();
    for (const kind of ["svg", "png"]) {
      find(kind).onclick = () => this.points && download(kind, this.state(), (finer) => this.painted(finer));
    }
  }

  // What Python says of the points; they may be there already, or come later.
  show(meta, send) {
    const same = meta === this.said;
    this.send_ = send;
    if (same && this.points?.id === meta.points) return this.recolour(); // another theme
    this.said = meta;
    const status = this.points ? null : "Loading the map …";
    if (status) this.find("status").textContent = status;
    whenThere(meta.points, (points) => { if (this.said === meta) this.take(points, meta); });
  }

  take(points, meta) {
    const old = this.meta;
    if (this.points !== points) {
      this.points = points;
      this.grid = makeGrid(points.x, points.y);
      this.box = [bounds(points.x), bounds(points.y)];
      this.middles = null;
    }
    this.meta = meta;
    if (old?.set !== meta.set) this.moved = null; // the same map stays where it was moved
    if (old?.heading !== meta.heading) this.hidden.clear();
    if (old?.heard !== meta.heard) this.sent = null;
    this.lit = meta.highlight ? unpackBits(meta.highlight, points.n) : null;
    this.order = layered(points, { above: meta.categories.map((c) => c.layer), lit: this.lit });
    this.lines = null;
    this.canvas.setAttribute("aria-label", meta.alt);
    this.find("text").textContent = meta.alt;
    this.find("x").textContent = meta.axes[0];
    this.find("y").textContent = meta.axes[1];
    this.find("names").hidden = !meta.names;
    for (const tool of ["move", "lasso", "box"]) this.find(tool).hidden = !meta.draws;
    if (!meta.draws && this.hands.tool !== "move") this.hands.take("move");
    else this.picked(this.hands.tool, points.n ? "" : "No points to draw.");
    for (const name of ["contours", "names"]) this.find(name).setAttribute("aria-pressed", String(this.shown[name]));
    this.meant = -1;
    this.recolour();
  }

  recolour() {
    if (!this.points) return;
    const { ink, ground } = this.theme();
    Object.assign(this, { ink, ground, colours: coloursOf(this.meta, ground) });
    if (this.lit) this.meta.lit = { grey: dimmed(ground), words: "others" };
    fillLegend(this.find("legend"), this);
    this.changed();
  }
  changed() { this.lines = null; this.redraw(); } // other points are shown
  mean(k) { this.meant = k; this.redraw(); }
  inks() {
    const { categories } = this.meta;
    return inksOf(this.colours, this.ground, { gone: (k) => this.hidden.has(categories[k].name), meant: this.meant });
  }

  get width() { return this.canvas.clientWidth; }
  get height() { return this.canvas.clientHeight; }
  get home() { return fit(...this.box, this.width, this.height); }
  get view() { return this.moved ?? this.home; }
  get r() { return radius(this.points.n, this.view.scale / this.home.scale); }
  theme() {
    const style = getComputedStyle(this.host);
    const read = (name, other) => style.getPropertyValue(name).trim() || other;
    return { ink: read("--st-text-color", "#31333f"), ground: read("--st-background-color", "#ffffff") };
  }

  reset() { this.moved = null; this.redraw(); }
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    if (!this.points) return;
    const home = this.home.scale;
    this.moved = zoomAt(this.view, this.width, this.height, px, py, factor, home / 2, home * 200);
    this.move();
  }
  pan(dx, dy) {
    if (!this.points) return;
    const { cx, cy, scale } = this.view;
    this.moved = { scale, cx: cx - dx / scale, cy: cy + dy / scale };
    this.move();
  }
  move() {
    this.moving = this.took > SLOW && this.points.n > FEW;
    clearTimeout(this.rest);
    if (this.moving) this.rest = setTimeout(() => { this.moving = false; this.redraw(); }, REST);
    this.redraw();
  }
  toggle(name) {
    this.shown[name] = !this.shown[name];
    this.find(name).setAttribute("aria-pressed", String(this.shown[name]));
    this.redraw();
  }
  picked(tool, hint) {
    for (const name of ["move", "lasso", "box"]) this.find(name).setAttribute("aria-pressed", String(name === tool));
    this.canvas.dataset.tool = tool;
    this.find("status").textContent = hint;
  }
  send(event, value, outline) {
    this.sent = outline ?? null;
    this.send_(event, value);
  }

  at(px, py) {
    if (!this.points) return -1;
    const [x, y] = toData(this.view, this.width, this.height, px, py), { categories } = this.meta;
    return nearest(this.points, this.grid, x, y, (this.r + 4) / this.view.scale, (k) => !this.hidden.has(categories[k].name));
  }
  hover(px, py, aloud = false) {
    const found = this.hands.tool === "move" || aloud ? this.at(px, py) : -1;
    const name = found < 0 ? null : `${this.meta.title} ${this.meta.categories[this.points.k[found]].name}`;
    this.tell(name, px, py);
    if (aloud) this.find("status").textContent = name ?? "";
  }
  tell(words, px, py) {
    const tip = this.find("tip");
    tip.hidden = words === null;
    if (tip.hidden) return;
    tip.textContent = words;
    tip.style.left = `${Math.max(0, Math.min(px + 12, this.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(py - 28, 0)}px`;
  }
  pick(px, py) {
    const found = this.meta?.picks && this.hands.tool === "move" ? this.at(px, py) : -1;
    if (found >= 0) this.send("picked", { x: this.points.x[found], y: this.points.y[found] });
  }

  redraw() {
    if (this.waiting || !this.points) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    if (!this.width || !this.height) return; // on a tab that is not shown
    const began = performance.now(), { ground } = this.theme();
    if (ground !== this.ground) this.recolour();
    const ratio = window.devicePixelRatio || 1, c = this.canvas;
    this.paintOn(c, ratio, this.moving ? Math.max(2, Math.ceil(this.took / SLOW)) : 1);
    this.paintOver(ratio);
    const took = performance.now() - began;
    if (!this.moving) this.took = took;
    c.dataset.paint = took.toFixed(1); // ms
    c.dataset.painted = String(Number(c.dataset.painted ?? 0) + 1);
  }

  paintOn(canvas, ratio, stride = 1) {
    const w = Math.round(this.width * ratio), h = Math.round(this.height * ratio);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.held = null; }
    const pen = canvas.getContext("2d");
    const image = (canvas.held ??= pen.createImageData(w, h));
    const { cx, cy, scale } = this.view;
    paintPoints(new Uint32Array(image.data.buffer), { w, h }, this.order, { cx, cy, scale: scale * ratio },
      { inks: this.inks(), r: this.r * ratio, ground: inkOf(this.ground), stride });
    pen.putImageData(image, 0, 0);
  }
  painted(finer) {
    const canvas = document.createElement("canvas");
    this.paintOn(canvas, finer);
    return canvas;
  }

  state() {
    const grey = dimmed(this.ground), inks = this.inks();
    const colourOf = (c) => (c === DIMMED || (this.meant >= 0 && this.meant !== c) ? grey : this.colours[c]);
    return { meta: this.meta, colours: this.colours, hidden: this.hidden, order: this.order, inks, colourOf, view: this.view,
      width: this.width, height: this.height, r: this.r, ink: this.ink, ground: this.ground,
      contours: this.shown.contours ? this.contours() : [], outline: this.outline(), names: this.labels() };
  }
  outline() { return this.hands.path ?? this.sent ?? this.meta.outline ?? []; }
  labels() {
    if (!this.meta.names || !this.shown.names) return [];
    this.middles ??= middles(this.points, this.meta.categories.length);
    return this.meta.categories.map((c, k) => [c, this.middles[k]])
      .filter(([c, at]) => at && c.at == null && c.count !== "hidden" && !this.hidden.has(c.name)).map(([c, at]) => [c.name, ...at]);
  }
  // Density of what stands out: what is above or highlighted, else all that is shown.
  contours() {
    if (this.lines) return this.lines;
    const { x, y, c, n, first } = this.order, inks = this.inks(), xs = [], ys = [];
    const from = first < n && inks.some((ink, k) => ink && this.meta.categories[k]?.layer) ? first : 0;
    for (let i = from; i < n; i++) if (c[i] !== DIMMED && inks[c[i]]) { xs.push(x[i]); ys.push(y[i]); }
    return (this.lines = contoursOf(xs, ys));
  }

  paintOver(ratio) {
    const c = this.over, w = Math.round(this.width * ratio), h = Math.round(this.height * ratio);
    if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
    const pen = c.getContext("2d"), at = (x, y) => toScreen(this.view, this.width, this.height, x, y);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    if (this.shown.contours) this.strokeContours(pen, at);
    const outline = this.outline();
    if (outline.length) {
      pen.beginPath();
      outline.forEach((corner) => pen.lineTo(...at(...corner)));
      pen.closePath();
      pen.fillStyle = mixed(this.ink, this.ground, 0.2) + "12";
      pen.fill();
      pen.setLineDash([]); pen.lineWidth = 3; pen.strokeStyle = this.ground; pen.stroke();
      pen.setLineDash([5, 4]); pen.lineWidth = 1.5; pen.strokeStyle = this.ink; pen.stroke();
      pen.setLineDash([]);
    }
    pen.font = `600 12px ${getComputedStyle(this.host).fontFamily || "sans-serif"}`;
    pen.textAlign = "center"; pen.textBaseline = "middle"; pen.lineJoin = "round";
    for (const [name, x, y] of this.labels()) {
      if (name === this.meta.chosen) strokeRing(pen, at(x, y), [this.ground, this.ink]);
      pen.lineWidth = 3.5; pen.strokeStyle = this.ground; pen.strokeText(name, ...at(x, y));
      pen.fillStyle = this.ink; pen.fillText(name, ...at(x, y));
    }
    if (this.hands.cross && this.hands.tool !== "box") this.strokeCross(pen, this.hands.cross);
  }
  strokeContours(pen, at) {
    for (const { pieces } of this.contours()) {
      pen.beginPath();
      for (let i = 0; i < pieces.length; i += 4) { pen.moveTo(...at(pieces[i], pieces[i + 1])); pen.lineTo(...at(pieces[i + 2], pieces[i + 3])); }
      pen.lineWidth = 3; pen.strokeStyle = this.ground; pen.globalAlpha = 0.5; pen.stroke();
      pen.lineWidth = 1; pen.strokeStyle = this.ink; pen.globalAlpha = 0.8; pen.stroke();
      pen.globalAlpha = 1;
    }
  }
  strokeCross(pen, [x, y]) {
    for (const [wide, colour] of [[4, this.ground], [1.5, this.ink]]) {
      pen.beginPath();
      pen.moveTo(x - 9, y); pen.lineTo(x + 9, y); pen.moveTo(x, y - 9); pen.lineTo(x, y + 9);
      pen.lineWidth = wide; pen.strokeStyle = colour; pen.stroke();
    }
  }
}

// Around the name of what is chosen elsewhere on the screen.
function strokeRing(pen, [x, y], [ground, ink]) {
  for (const [wide, colour] of [[5, ground], [2, ink]]) {
    pen.beginPath();
    pen.arc(x, y, 12, 0, 2 * Math.PI);
    pen.lineWidth = wide; pen.strokeStyle = colour; pen.stroke();
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let plot = plots.get(parentElement);
  if (!plot) plots.set(parentElement, (plot = new Plot(parentElement)));
  plot.show(data, setTriggerValue);
}
