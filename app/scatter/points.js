// What a scatter plot of many points computes: no document, tested without a browser.
//
// The data are bytes: the length of a JSON text (uint32, little-endian), the text padded
// to four bytes, then x and y (float32) and the number of the category (uint8).

export function unpack(bytes) {
  const aligned = bytes.slice(); // what arrives may begin anywhere in its buffer
  const length = new DataView(aligned.buffer).getUint32(0, true);
  const meta = JSON.parse(new TextDecoder().decode(aligned.subarray(4, 4 + length)));
  const n = meta.n, start = 4 + length;
  return {
    meta,
    x: new Float32Array(aligned.buffer, start, n),
    y: new Float32Array(aligned.buffer, start + 4 * n, n),
    k: new Uint8Array(aligned.buffer, start + 8 * n, n),
  };
}

export function bounds(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
  return low <= high ? [low, high] : [0, 1];
}

// A view says which data coordinates lie at the middle, and pixels per unit.
export function fit(x, y, width, height) {
  const [x0, x1] = bounds(x), [y0, y1] = bounds(y), pad = 18;
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

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) =>
  ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

// One path a category: a line of no length with round ends is a disc.
export function toSvg(points, view, width, height, { colours, hidden, r, ink, ground }) {
  const kept = points.meta.categories.map((c, k) => [c, k]).filter(([c]) => !hidden.has(c.name));
  const paths = kept.map(() => []), place = new Map(kept.map(([, k], j) => [k, j]));
  for (let i = 0; i < points.x.length; i++) {
    const j = place.get(points.k[i]);
    if (j === undefined) continue;
    const [px, py] = toScreen(view, width, height, points.x[i], points.y[i]);
    if (px < 0 || py < 0 || px > width || py > height) continue;
    paths[j].push(`M${px.toFixed(1)} ${py.toFixed(1)}h0`);
  }
  const wide = width + 170, tall = Math.max(height + 26, 40 + 18 * kept.length);
  const text = `font-family="sans-serif" font-size="12" fill="${ink}"`;
  const rows = kept.map(([c, k], j) => `<circle cx="${width + 14}" cy="${30 + 18 * j}" r="5" ` +
    `fill="${colours[k]}"/><text x="${width + 26}" y="${34 + 18 * j}" ${text}>` +
    `${escaped(c.name)} (${escaped(c.count)})</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${tall}">` +
    `<title>${escaped(points.meta.alt)}</title><rect width="100%" height="100%" fill="${ground}"/>` +
    kept.map(([, k], j) => `<path d="${paths[j].join("")}" stroke="${colours[k]}" ` +
      `stroke-width="${(2 * r).toFixed(1)}" stroke-linecap="round" stroke-opacity="0.75"/>`).join("") +
    `<text x="${width / 2}" y="${height + 18}" text-anchor="middle" ${text}>UMAP 1</text>` +
    `<text transform="translate(12 ${height / 2}) rotate(-90)" text-anchor="middle" ${text}>UMAP 2</text>` +
    `<text x="${width + 8}" y="14" font-weight="bold" ${text}>${escaped(points.meta.title)}</text>` +
    rows.join("") + "</svg>";
}
