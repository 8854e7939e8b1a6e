// What a map of many points computes: no document, tested without a browser.
//
// The points are bytes: the length of a JSON text (uint32, little-endian), the text
// padded to four bytes, then x and y (float32) and the number of the category (uint8).

export function unpack(bytes) {
  const aligned = bytes.slice(); // what arrives may begin anywhere in its buffer
  const length = new DataView(aligned.buffer).getUint32(0, true);
  const { id, n } = JSON.parse(new TextDecoder().decode(aligned.subarray(4, 4 + length)));
  const start = 4 + length;
  return {
    id, n,
    x: new Float32Array(aligned.buffer, start, n),
    y: new Float32Array(aligned.buffer, start + 4 * n, n),
    k: new Uint8Array(aligned.buffer, start + 8 * n, n),
  };
}

// Points come by one way (bytes, once) and what is said of them by another (JSON, often):
// whoever comes first waits here. Both modules of this page share the shelf.
const KEPT = 6;

export function shelf() {
  return (globalThis[Symbol.for("edp-studio-points")] ??= { held: new Map(), waiting: new Map() });
}

export function deliver(points, { held, waiting } = shelf()) {
  held.delete(points.id);
  held.set(points.id, points); // the newest is the last
  while (held.size > KEPT) held.delete(held.keys().next().value);
  const uses = waiting.get(points.id) ?? [];
  waiting.delete(points.id);
  for (const use of uses) use(points);
}

export function whenThere(id, use, { held, waiting } = shelf()) {
  const points = held.get(id);
  if (points) return use(points);
  waiting.set(id, [...(waiting.get(id) ?? []), use]);
}

// Which points are highlighted: bit i of the bytes, the lowest first, is point i.
export function unpackBits(text, n) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const found = new Uint8Array(n);
  for (let i = 0; i < n; i++) found[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return found;
}

export function bounds(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
  return low <= high ? [low, high] : [0, 1];
}

// A view says which data coordinates lie at the middle, and pixels per unit.
export function fit([x0, x1], [y0, y1], width, height) {
  const pad = 18;
  const scale = Math.min((width - 2 * pad) / Math.max(x1 - x0, 1e-9),
                         (height - 2 * pad) / Math.max(y1 - y0, 1e-9));
  return { cx: (x0 + x1) / 2, cy: (y0 + y1) / 2, scale: Math.max(scale, 1e-9) };
}

export function toScreen(view, width, height, x, y) {
  return [width / 2 + (x - view.cx) * view.scale,
          height / 2 - (y - view.cy) * view.scale];
}

export function toData(view, width, height, px, py) {
  return [view.cx + (px - width / 2) / view.scale,
          view.cy - (py - height / 2) / view.scale];
}

// The data point under the pointer stays there.
export function zoomAt(view, width, height, px, py, factor, least, most) {
  const [x, y] = toData(view, width, height, px, py);
  const scale = Math.min(Math.max(view.scale * factor, least), most);
  return { scale, cx: x - (px - width / 2) / scale, cy: y + (py - height / 2) / scale };
}

// Points by cells of a grid, so that the nearest is found among few.
export function makeGrid(x, y, side = 128) {
  const [x0, x1] = bounds(x), [y0, y1] = bounds(y);
  const w = Math.max(x1 - x0, 1e-9) / side, h = Math.max(y1 - y0, 1e-9) / side;
  const cell = (v, low, step) => Math.min(side - 1, Math.max(0, Math.floor((v - low) / step)));
  const starts = new Uint32Array(side * side + 1), order = new Uint32Array(x.length);
  const at = (i) => cell(y[i], y0, h) * side + cell(x[i], x0, w);
  for (let i = 0; i < x.length; i++) starts[at(i) + 1]++;
  for (let c = 0; c < side * side; c++) starts[c + 1] += starts[c];
  const next = starts.slice(0, -1);
  for (let i = 0; i < x.length; i++) order[next[at(i)]++] = i;
  return { column: (v) => cell(v, x0, w), row: (v) => cell(v, y0, h), side, starts, order };
}

export function nearest(points, grid, qx, qy, reach, visible) {
  let best = -1, least = reach * reach;
  for (let r = grid.row(qy - reach); r <= grid.row(qy + reach); r++) {
    for (let c = grid.column(qx - reach); c <= grid.column(qx + reach); c++) {
      const cell = r * grid.side + c;
      for (let j = grid.starts[cell]; j < grid.starts[cell + 1]; j++) {
        const i = grid.order[j];
        if (!visible(points.k[i])) continue;
        const d = (points.x[i] - qx) ** 2 + (points.y[i] - qy) ** 2;
        if (d <= least) { least = d; best = i; }
      }
    }
  }
  return best;
}

export function radius(n, zoom) {
  const area = Math.max(6, Math.min(42, 24000 / Math.max(n, 1)));
  return Math.sqrt(area / Math.PI) * Math.min(2.5, Math.max(1, zoom) ** 0.35);
}

// Where the name of a category is written: the middle of its points, of a part of them.
export function middles(points, count) {
  const found = Array.from({ length: count }, () => [[], []]);
  for (let i = 0; i < points.n; i++) {
    const [xs, ys] = found[points.k[i]];
    if (xs.length < 2000) { xs.push(points.x[i]); ys.push(points.y[i]); } // in random order
  }
  const middle = (v) => v.sort((a, b) => a - b)[v.length >> 1];
  return found.map(([xs, ys]) => (xs.length ? [middle(xs), middle(ys)] : null));
}
