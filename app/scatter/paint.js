// Points written straight into the pixels of a picture: many times quicker than drawing
// each, and the same in a test without a browser.

export const DIMMED = 256; // class of what is not highlighted, beside 256 categories
const SMOOTH = 120000; // more points than that have no smooth edges

// Points in the order they are drawn in: dimmed, then below, then above. What lies side by
// side in memory is quick to go through. `first` says where those above begin.
export function layered({ x, y, k, n }, { above, lit }) {
  const layer = (i) => (lit && !lit[i] ? 0 : above[k[i]] ? 2 : 1);
  const sizes = [0, 0, 0];
  for (let i = 0; i < n; i++) sizes[layer(i)]++;
  const next = [0, sizes[0], sizes[0] + sizes[1]];
  const out = { n, x: new Float32Array(n), y: new Float32Array(n), c: new Uint16Array(n), first: next[2] };
  for (let i = 0; i < n; i++) {
    const which = layer(i), at = next[which]++;
    out.x[at] = x[i];
    out.y[at] = y[i];
    out.c[at] = which ? k[i] : DIMMED;
  }
  return out;
}

// A disc: how much of each pixel around its middle it covers, 0 to 255.
export function discOf(r, smooth) {
  const edge = Math.max(0, Math.ceil(r - 0.5)), found = [];
  for (let dy = -edge; dy <= edge; dy++) {
    for (let dx = -edge; dx <= edge; dx++) {
      const cover = Math.min(1, Math.max(0, r + 0.5 - Math.hypot(dx, dy)));
      const part = smooth ? Math.round(255 * cover) : dx * dx + dy * dy <= r * r ? 255 : 0;
      if (part > 12 || (!dx && !dy)) found.push([dx, dy, dx || dy ? part : Math.max(part, 255)]);
    }
  }
  return { edge, found };
}

function over(under, ink, part) {
  const mix = (shift) => {
    const a = (under >>> shift) & 255, b = (ink >>> shift) & 255;
    return (a + (((b - a) * part) >> 8)) << shift;
  };
  return (0xff000000 | mix(16) | mix(8) | mix(0)) >>> 0;
}

// Draws into `out` (w × h, one number a pixel). `inks` has one ink a class, 0 for what is
// hidden. Every `stride`-th point is drawn while a slow machine moves a map; all of those
// above always are.
export function paintPoints(out, { w, h }, order, { cx, cy, scale }, { inks, r, ground, stride = 1 }) {
  out.fill(ground);
  const smooth = order.n <= SMOOTH, { edge, found } = discOf(r, smooth);
  const solid = found.filter(([, , part]) => part > 243).map(([dx, dy]) => dy * w + dx);
  const rim = found.filter(([, , part]) => part <= 243);
  const rimAt = rim.map(([dx, dy]) => dy * w + dx), rimPart = rim.map(([, , part]) => part);
  const left = w / 2 - cx * scale, top = h / 2 + cy * scale, { x, y, c, n, first } = order;
  for (let i = 0; i < n; i += i < first ? stride : 1) {
    const ink = inks[c[i]];
    if (!ink) continue;
    const px = Math.floor(left + x[i] * scale), py = Math.floor(top - y[i] * scale);
    if (px < -edge || py < -edge || px >= w + edge || py >= h + edge) continue;
    if (px < edge || py < edge || px >= w - edge || py >= h - edge) {
      for (const [dx, dy, part] of found) { // on the border: the part that is inside
        const qx = px + dx, qy = py + dy;
        if (qx >= 0 && qy >= 0 && qx < w && qy < h) out[qy * w + qx] = over(out[qy * w + qx], ink, part);
      }
      continue;
    }
    const at = py * w + px;
    for (let j = 0; j < solid.length; j++) out[at + solid[j]] = ink;
    for (let j = 0; j < rimAt.length; j++) {
      const q = at + rimAt[j], under = out[q], part = rimPart[j];
      const b = (under >>> 16) & 255, g = (under >>> 8) & 255, a = under & 255;
      out[q] = (0xff000000 | ((b + (((((ink >>> 16) & 255) - b) * part) >> 8)) << 16)
        | ((g + (((((ink >>> 8) & 255) - g) * part) >> 8)) << 8)
        | (a + ((((ink & 255) - a) * part) >> 8))) >>> 0;
    }
  }
}

// One ink a class for a legend: hidden ones none; beside a category that is pointed at the
// others are dimmed.
export function inksOf(colours, ground, { gone, meant = -1 }) {
  const inks = new Uint32Array(DIMMED + 1), grey = inkOf(dimmed(ground));
  colours.forEach((colour, k) => { inks[k] = gone(k) ? 0 : meant < 0 || meant === k ? inkOf(colour) : grey; });
  inks[DIMMED] = grey;
  return inks;
}
