// What pointers and keys do on a map: move, zoom, point at, draw around.

const STEP = 40, NUDGE = 10, STILL = 4;
const HINTS = {
  move: "",
  lasso: "Lasso: draw around points. With keys: arrows move the cross, Space sets a corner, Enter closes, Escape leaves.",
  box: "Box: drag over points. With keys: arrows move the box, Shift and arrows resize it, Enter takes it, Escape leaves.",
};

export class Hands {
  constructor(plot, canvas) {
    this.plot = plot;
    this.canvas = canvas;
    this.tool = "move";
    this.path = null; // corners in data coordinates, while drawing
    this.cross = null; // where keys point, in pixels
    this.fingers = new Map();
    const on = (name, act, more) => canvas.addEventListener(name, act, more);
    on("wheel", (e) => { e.preventDefault(); plot.zoom(Math.exp(-e.deltaY * 0.0015), e.offsetX, e.offsetY); }, { passive: false });
    on("dblclick", () => { if (this.tool === "move") plot.reset(); });
    on("pointerdown", (e) => this.down(e));
    on("pointermove", (e) => this.moved(e));
    on("pointerup", (e) => this.up(e));
    on("pointercancel", (e) => { this.fingers.delete(e.pointerId); this.drop(); });
    on("pointerleave", () => { if (!this.fingers.size) plot.tell(null); });
    on("keydown", (e) => this.key(e));
    on("blur", () => { this.cross = null; plot.redraw(); });
  }

  take(tool) {
    this.tool = this.plot.meta?.draws || tool === "move" ? tool : "move";
    this.drop();
    this.cross = null;
    this.plot.tell(null);
    this.plot.picked(this.tool, HINTS[this.tool]);
  }
  drop() { this.path = null; this.corner = null; this.plot.redraw(); }
  data(px, py) { return toData(this.plot.view, this.plot.width, this.plot.height, px, py); }
  middle() { return [this.plot.width / 2, this.plot.height / 2]; }

  down(e) {
    if (e.button > 0) return;
    this.canvas.setPointerCapture(e.pointerId);
    this.fingers.set(e.pointerId, [e.offsetX, e.offsetY]);
    this.cross = null;
    if (this.fingers.size > 1) return this.drop(); // two fingers always move the map
    this.from = [e.offsetX, e.offsetY];
    this.far = false;
    if (this.tool === "lasso") this.path = [this.data(...this.from)];
    if (this.tool === "box") this.corner = this.data(...this.from);
  }

  moved(e) {
    const held = this.fingers.get(e.pointerId), now = [e.offsetX, e.offsetY];
    if (!held) { this.cross = null; return this.plot.hover(...now); }
    this.far ||= Math.hypot(now[0] - this.from[0], now[1] - this.from[1]) > STILL;
    if (this.fingers.size > 1) this.pinch(e.pointerId, now);
    else if (this.tool === "move") { if (this.far) this.plot.pan(now[0] - held[0], now[1] - held[1]); }
    else if (this.tool === "lasso" && this.path) {
      for (const part of e.getCoalescedEvents?.() ?? []) this.path.push(this.data(part.offsetX, part.offsetY));
      this.path.push(this.data(...now));
    } else if (this.corner) this.path = boxOf(this.corner, this.data(...now));
    if (this.tool === "move" && !this.far) return;
    this.fingers.set(e.pointerId, now);
    this.plot.tell(null);
    this.plot.redraw();
  }

  // The map under two fingers stays under them.
  pinch(id, now) {
    const [other] = [...this.fingers].filter(([at]) => at !== id).map(([, at]) => at), old = this.fingers.get(id);
    const apart = (a, b) => Math.max(20, Math.hypot(a[0] - b[0], a[1] - b[1]));
    const mid = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const [x0, y0] = mid(old, other), [x1, y1] = mid(now, other);
    this.plot.pan(x1 - x0, y1 - y0);
    this.plot.zoom(apart(now, other) / apart(old, other), x1, y1);
    this.far = true;
  }

  up(e) {
    if (!this.fingers.delete(e.pointerId)) return;
    if (!this.far) {
      this.drop();
      if (e.pointerType === "touch") this.plot.hover(e.offsetX, e.offsetY);
      return this.plot.pick(e.offsetX, e.offsetY);
    }
    if (this.tool !== "move" && this.path) this.finish();
  }

  finish() {
    const near = 0.7 / this.plot.view.scale; // what no eye tells apart
    const found = drawing(this.tool, this.path ?? [], this.plot.hidden, near);
    this.path = this.corner = null;
    if (found) this.plot.send("drawn", found, found.polygon);
    this.plot.redraw();
  }

  key(e) {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const press = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    const plain = !e.ctrlKey && !e.metaKey && !e.altKey;
    if (!plain) return;
    if (arrow) this.arrow(arrow, e.shiftKey);
    else if (press === "+" || press === "=") this.plot.zoom(1.25);
    else if (press === "-") this.plot.zoom(0.8);
    else if (press === "0" || press === "Home") this.plot.reset();
    else if (press === "l" || press === "b") this.begin(press === "l" ? "lasso" : "box");
    else if (press === "c") this.plot.toggle("contours");
    else if (press === "n") this.plot.toggle("names");
    else if (press === "Escape" && (this.path || this.tool !== "move")) this.path && this.tool === "lasso" ? this.drop() : this.take("move");
    else if (press === " " && this.tool === "lasso" && this.cross) { (this.path ??= []).push(this.data(...this.cross)); this.plot.redraw(); }
    else if (press === "Enter") this.enter();
    else return;
    e.preventDefault();
    e.stopPropagation(); // not a shortcut of the page as well
  }

  begin(tool) {
    this.take(tool);
    if (this.tool !== tool) return;
    this.cross = this.middle();
    const [x, y] = this.cross, w = this.plot.width / 5, h = this.plot.height / 5;
    if (tool === "box") this.path = boxOf(this.data(x - w, y - h), this.data(x + w, y + h));
    this.plot.redraw();
  }

  arrow([dx, dy], shift) {
    if (this.tool === "move" || !this.cross) {
      this.cross ??= this.middle();
      this.plot.pan(-dx * STEP, -dy * STEP);
      return this.plot.hover(...this.middle(), true);
    }
    const { scale } = this.plot.view, by = [dx * NUDGE, dy * NUDGE];
    if (this.tool === "lasso") this.cross = this.cross.map((v, i) => v + by[i]);
    else if (this.path) {
      const [x0, y0] = this.path[0], [x1, y1] = this.path[2], [ux, uy] = [by[0] / scale, -by[1] / scale];
      // down makes a box larger, up smaller: its lower right corner moves
      this.path = shift ? boxOf([x0, Math.min(y0 + uy, y1)], [Math.max(x1 + ux, x0), y1]) : boxOf([x0 + ux, y0 + uy], [x1 + ux, y1 + uy]);
    }
    this.plot.redraw();
  }

  enter() {
    if (this.tool === "move") return this.plot.pick(...this.middle());
    if (this.tool === "lasso" && this.path && this.cross) this.path.push(this.data(...this.cross));
    if (!this.path) return;
    this.finish();
    this.take("move"); // arrows move the map again
  }
}
