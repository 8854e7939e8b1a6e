// The map as a file: one drawing for SVG, with points as paths or as a picture, and PNG.

const MOST_PATHS = 100000; // of more points an SVG holds a picture
const BESIDE = 190, UNDER = 30, ROW = 18;

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) =>
  ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

// One path a colour: a line of no length with round ends is a disc.
function pathsOf({ order, inks, colourOf, view, width, height, r }) {
  const paths = new Map();
  const close = () => [...paths].map(([c, d]) => `<path d="${d.join("")}" stroke="${colourOf(c)}" ` +
    `stroke-width="${(2 * r).toFixed(1)}" stroke-linecap="round" fill="none"/>`).join("");
  let done = "";
  for (let i = 0; i < order.n; i++) {
    if (i === order.first) { done = close(); paths.clear(); } // those above come last
    if (!inks[order.c[i]]) continue;
    const [px, py] = toScreen(view, width, height, order.x[i], order.y[i]);
    if (px < 0 || py < 0 || px > width || py > height) continue;
    if (!paths.has(order.c[i])) paths.set(order.c[i], []);
    paths.get(order.c[i]).push(`M${px.toFixed(1)} ${py.toFixed(1)}h0`);
  }
  return done + close();
}

function linesOf({ contours, outline, view, width, height, ink }) {
  const at = (x, y) => toScreen(view, width, height, x, y).map((v) => v.toFixed(1)).join(" ");
  const lines = contours.map(({ pieces }) => {
    let d = "";
    for (let i = 0; i < pieces.length; i += 4) d += `M${at(pieces[i], pieces[i + 1])}L${at(pieces[i + 2], pieces[i + 3])}`;
    return `<path d="${d}" stroke="${ink}" stroke-width="1" stroke-opacity="0.65" fill="none"/>`;
  });
  if (outline.length) {
    lines.push(`<path d="M${outline.map(([x, y]) => at(x, y)).join("L")}Z" stroke="${ink}" ` +
      `stroke-width="1.5" stroke-dasharray="5 4" fill="${ink}" fill-opacity="0.06"/>`);
  }
  return lines.join("");
}

// The legend: a row a category, or a bar of steps with its ends and what has no value.
export function legendOf({ meta, colours, hidden, width, text }) {
  const x = width + 14, rows = [];
  let y = 32;
  const row = (colour, words) => {
    rows.push(`<circle cx="${x}" cy="${y - 4}" r="5" fill="${colour}"/><text x="${x + 12}" y="${y}" ${text}>${escaped(words)}</text>`);
    y += ROW;
  };
  const shown = meta.categories.map((c, k) => [c, colours[k]]).filter(([c]) => !hidden.has(c.name));
  const steps = shown.filter(([c]) => c.at !== null && c.at !== undefined);
  if (steps.length) {
    const tall = 150, each = tall / steps.length;
    steps.forEach(([, colour], i) => rows.push(`<rect x="${x - 5}" y="${(y - 10 + tall - (i + 1) * each).toFixed(2)}" ` +
      `width="14" height="${(each + 0.5).toFixed(2)}" fill="${colour}"/>`));
    [[meta.scale.high, y], [meta.scale.low, y + tall - 10]].forEach(([end, at]) =>
      rows.push(`<text x="${x + 16}" y="${at}" ${text}>${escaped(end)}</text>`));
    y += tall + 14;
  }
  for (const [c, colour] of shown) if (!steps.some(([s]) => s === c)) row(colour, `${c.name} (${c.count})`);
  if (meta.lit) row(meta.lit.grey, meta.lit.words);
  return { rows: rows.join(""), tall: y };
}

// `picture`: a data URL of the points; without it they are paths.
export function toSvg(shown, picture = null) {
  const { meta, width, height, ink, ground, names, hidden, colours } = shown;
  const text = `font-family="sans-serif" font-size="12" fill="${ink}"`;
  const { rows, tall: needed } = legendOf({ meta, colours, hidden, width, text });
  const wide = width + BESIDE, tall = Math.max(height + UNDER, needed + 8);
  const points = picture ? `<image href="${picture}" width="${width}" height="${height}"/>` : pathsOf(shown);
  const labels = names.map(([name, x, y]) => {
    const [px, py] = toScreen(shown.view, width, height, x, y);
    return `<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" text-anchor="middle" font-weight="bold" ${text} ` +
      `stroke="${ground}" stroke-width="3" paint-order="stroke">${escaped(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${tall}" viewBox="0 0 ${wide} ${tall}">` +
    `<title>${escaped(meta.alt)}</title><rect width="100%" height="100%" fill="${ground}"/>` +
    `<svg width="${width}" height="${height}">${points}${linesOf(shown)}${labels.join("")}</svg>` +
    `<text x="${width / 2}" y="${height + 18}" text-anchor="middle" ${text}>${escaped(meta.axes[0])}</text>` +
    `<text transform="translate(12 ${height / 2}) rotate(-90)" text-anchor="middle" ${text}>${escaped(meta.axes[1])}</text>` +
    `<text x="${width - 6}" y="${height + 18}" text-anchor="end" ${text}>${escaped(meta.total)}</text>` +
    `<text x="${width + 8}" y="14" font-weight="bold" ${text}>${escaped(meta.heading)}</text>${rows}</svg>`;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A PNG has `finer` times as many pixels as the screen has points.
export async function download(kind, shown, painted, finer = 2) {
  const name = `${shown.meta.file}.${kind}`;
  const picture = kind === "png" || shown.order.n > MOST_PATHS ? painted(finer).toDataURL() : null;
  const blob = new Blob([toSvg(shown, picture)], { type: "image/svg+xml" });
  if (kind === "svg") return save(blob, name);
  const image = new Image(), url = URL.createObjectURL(blob);
  await new Promise((done, failed) => { image.onload = done; image.onerror = failed; image.src = url; });
  URL.revokeObjectURL(url);
  const out = document.createElement("canvas");
  out.width = image.width * finer;
  out.height = image.height * finer;
  out.getContext("2d").drawImage(image, 0, 0, out.width, out.height);
  save(await new Promise((done) => out.toBlob(done)), name);
}
