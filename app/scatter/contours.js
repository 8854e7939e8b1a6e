// Lines of equal density: each encloses the densest part of a share of the points.

export const SHARES = [0.25, 0.5, 0.75, 0.9];

// Points counted in cells and smoothed with a Gaussian 0.4 times as wide as Scott's rule
// (1992) has it, since a map is of clumps and not one normal cloud; and never finer than
// the grid.
export function density(x, y, side = 96) {
  const n = x.length, spread = (v) => {
    let sum = 0, squares = 0;
    for (const a of v) { sum += a; squares += a * a; }
    return Math.sqrt(Math.max(squares / n - (sum / n) ** 2, 1e-18));
  };
  const axes = [x, y].map((v) => {
    const [low, high] = bounds(v), wide = 0.4 * spread(v) * n ** (-1 / 6) + (high - low) / side;
    return { low: low - 3 * wide, step: (high - low + 6 * wide) / side || 1e-9, wide };
  });
  const [ax, ay] = axes, counts = new Float64Array(side * side);
  const cell = (v, { low, step }) => Math.min(side - 1, Math.floor((v - low) / step));
  for (let i = 0; i < n; i++) counts[cell(y[i], ay) * side + cell(x[i], ax)]++;
  const across = smoothed(counts, side, ax.wide / ax.step, 1);
  return { side, ax, ay, counts, values: smoothed(across, side, ay.wide / ay.step, side) };
}

function smoothed(values, side, sigma, stride) {
  const reach = Math.ceil(3 * sigma), kernel = [];
  for (let d = -reach; d <= reach; d++) kernel.push(Math.exp(-0.5 * (d / sigma) ** 2));
  const total = kernel.reduce((a, b) => a + b), out = new Float64Array(values.length);
  const other = stride === 1 ? side : 1; // from one line to the next
  for (let line = 0; line < side; line++) {
    for (let i = 0; i < side; i++) {
      let sum = 0;
      for (let d = -reach; d <= reach; d++) {
        if (i + d >= 0 && i + d < side) sum += kernel[d + reach] * values[line * other + (i + d) * stride];
      }
      out[line * other + i * stride] = sum / total;
    }
  }
  return out;
}

// Density at which the cells as dense or denser hold a share of the points.
export function levels({ counts, values }, shares = SHARES) {
  const cells = [...counts.keys()].filter((c) => counts[c]).sort((a, b) => values[b] - values[a]);
  const all = cells.reduce((sum, c) => sum + counts[c], 0);
  return shares.map((share) => {
    let held = 0;
    for (const c of cells) if ((held += counts[c]) >= share * all) return values[c];
    return Infinity;
  });
}

// Marching squares: pieces x0, y0, x1, y1 of the line at a level, in data coordinates.
// A saddle is joined as its middle says.
export function isoline({ side, ax, ay, values }, level) {
  const found = [], X = (c) => ax.low + (c + 0.5) * ax.step, Y = (r) => ay.low + (r + 0.5) * ay.step;
  const edges = [[], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], null, [[0, 2]], [[3, 2]],
    [[2, 3]], [[2, 0]], null, [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], []];
  for (let r = 0; r + 1 < side; r++) {
    for (let c = 0; c + 1 < side; c++) {
      const v = [values[r * side + c], values[r * side + c + 1], values[(r + 1) * side + c + 1], values[(r + 1) * side + c]];
      const kind = v.reduce((sum, at, i) => sum + (at >= level ? 1 << i : 0), 0);
      if (kind === 0 || kind === 15) continue;
      const part = (a, b) => (level - v[a]) / (v[b] - v[a]);
      const place = (edge) => [
        [X(c + part(0, 1)), Y(r)], [X(c + 1), Y(r + part(1, 2))],
        [X(c + part(3, 2)), Y(r + 1)], [X(c), Y(r + part(0, 3))]][edge];
      const high = (v[0] + v[1] + v[2] + v[3]) / 4 >= level;
      const joined = edges[kind] ?? ((kind === 5) === high ? [[0, 1], [2, 3]] : [[3, 0], [1, 2]]);
      for (const [a, b] of joined) found.push(...place(a), ...place(b));
    }
  }
  return Float64Array.from(found);
}

// The lines of points that are shown; none of fewer than twenty.
export function contoursOf(x, y) {
  if (x.length < 20) return [];
  const field = density(x, y), held = levels(field);
  return SHARES.map((share, i) => ({ share, pieces: isoline(field, held[i]) }));
}
