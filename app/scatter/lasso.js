// Polygons drawn by hand: fewer vertices without another shape.

// Ramer, Douglas and Peucker: what lies nearer to the line between two kept vertices than
// `near` is left out. Without recursion, since a long line would be too deep for it.
export function thinned(line, near) {
  if (line.length < 3) return line.slice();
  const kept = new Uint8Array(line.length);
  kept[0] = kept[line.length - 1] = 1;
  const spans = [[0, line.length - 1]];
  while (spans.length) {
    const [a, b] = spans.pop();
    const [ax, ay] = line[a], dx = line[b][0] - ax, dy = line[b][1] - ay;
    const length = dx * dx + dy * dy;
    let far = -1, most = near * near;
    for (let i = a + 1; i < b; i++) {
      const ux = line[i][0] - ax, uy = line[i][1] - ay;
      const t = length ? Math.min(1, Math.max(0, (ux * dx + uy * dy) / length)) : 0;
      const d = (ux - t * dx) ** 2 + (uy - t * dy) ** 2;
      if (d > most) { most = d; far = i; }
    }
    if (far > 0) { kept[far] = 1; spans.push([a, far], [far, b]); }
  }
  return line.filter((_, i) => kept[i]);
}

// A ring of at most `most` vertices; `near` grows until that is so.
export function simplified(ring, near, most = 2000) {
  let found = thinned(ring, near);
  for (let step = near || 1e-9; found.length > most; step *= 2) found = thinned(ring, step);
  return found;
}

export function boxOf([ax, ay], [bx, by]) {
  const [x0, x1] = [Math.min(ax, bx), Math.max(ax, bx)], [y0, y1] = [Math.min(ay, by), Math.max(ay, by)];
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

// What goes back to the server; null where nothing was drawn around.
export function drawing(tool, ring, hidden, near) {
  const polygon = simplified(ring, near);
  let twice = 0; // the area, by the shoelace formula
  polygon.forEach(([x, y], i) => {
    const [nx, ny] = polygon[(i + 1) % polygon.length];
    twice += x * ny - nx * y;
  });
  const extent = Math.max(...[0, 1].map((d) => {
    const [low, high] = bounds(polygon.map((vertex) => vertex[d]));
    return high - low;
  }));
  if (polygon.length < 3 || !twice || extent < 3 * near) return null;
  return { polygon, hidden: [...hidden], tool };
}
