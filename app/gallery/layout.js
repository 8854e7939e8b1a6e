// What a gallery of images computes: no document, tested without a browser.
//
// The data are bytes: the length of a JSON text (uint32, little-endian), the text, then
// the files of the images one after another; `at` of an image says where, and how long.

export function unpack(bytes) {
  const held = bytes.slice(); // what arrives may begin anywhere in its buffer
  const length = new DataView(held.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(held.subarray(4, 4 + length)));
  const part = ([start, size]) => held.subarray(4 + length + start, 4 + length + start + size);
  return { head, part };
}

// A letter is taken as 0.55 of its height wide: enough to break lines.
export function wrapped(text, width, size) {
  const most = Math.max(4, Math.floor(width / (0.55 * size)));
  const lines = [];
  for (const word of String(text).split(/\s+/).filter(Boolean)) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + 1 + word.length <= most) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

// Where everything stands in a downloaded figure, in pixels.
export function layout(head, { tile = 128, gap = 10, most = 1480 } = {}) {
  const items = [], small = 11, line = 15;
  const write = (text, x, y, width, size, weight = "normal") => {
    const lines = wrapped(text, width, size);
    lines.forEach((t, i) => items.push({ kind: "text", text: t, x, y: y + size + i * (size + 4), size, weight }));
    return lines.length * (size + 4);
  };
  const blocks = head.groups.map((group) => {
    const across = Math.max(1, Math.min(head.across, group.tiles.length,
      Math.floor((most - 2 * gap) / (tile + gap))));
    return { group, across, width: across * (tile + gap) - gap };
  });
  let x = gap, wide = 0, rows = [[]];
  for (const block of blocks) {
    if (x > gap && x + block.width + gap > most) { rows.push([]); x = gap; }
    rows.at(-1).push({ ...block, x });
    x += block.width + 2 * gap;
    wide = Math.max(wide, x);
  }
  const width = Math.max(wide, 420);
  let y = gap + write(head.title, gap, gap, width - 2 * gap, 15, "bold") + 4;
  for (const row of rows) {
    let heads = 0, tall = 0;
    for (const { group, x: left, width: w } of row) {
      const title = write(group.title, left, y, w, 13, "bold");
      heads = Math.max(heads, title + write(group.note, left, y + title, w, small));
    }
    for (const { group, x: left, across } of row) {
      let top = y + heads + 4;
      for (let start = 0; start < group.tiles.length; start += across) {
        let under = 0;
        group.tiles.slice(start, start + across).forEach((t, j) => {
          const at = left + j * (tile + gap), scale = tile / Math.max(t.w, t.h);
          items.push({ kind: "image", x: at, y: top, w: t.w * scale, h: t.h * scale, image: t });
          under = Math.max(under, write(t.caption, at, top + tile + 2, tile, small));
        });
        top += tile + under + gap;
      }
      tall = Math.max(tall, top - y);
    }
    y += tall;
  }
  if (head.scale) {
    y += write(head.scale.title, gap, y, width - 2 * gap, small) + 2;
    items.push({ kind: "bar", x: gap, y, w: 240, h: 12, colours: head.scale.colours });
    const marks = [[head.scale.low, "start", 0], [head.scale.middle, "middle", 120], [head.scale.high, "end", 240]];
    for (const [text, anchor, at] of marks)
      items.push({ kind: "text", text, x: gap + at, y: y + 14 + small, size: small, weight: "normal", anchor });
    y += 14 + line + gap;
  }
  y += write(head.said, gap, y, width - 2 * gap, small);
  return { width, height: y + gap, items };
}

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) =>
  ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

export function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

const kindOf = (bytes) => (bytes[0] === 0x89 ? "image/png" : "image/webp");

export function toSvg(head, part, { ink, ground }) {
  const { width, height, items } = layout(head);
  const drawn = items.map((i) => {
    if (i.kind === "image") {
      const bytes = part(i.image.at);
      return `<image x="${i.x}" y="${i.y}" width="${i.w}" height="${i.h}" ` +
        `href="data:${kindOf(bytes)};base64,${base64(bytes)}"><title>${escaped(i.image.alt)}</title></image>`;
    }
    if (i.kind === "bar") {
      const w = i.w / i.colours.length;
      return i.colours.map((c, j) => `<rect x="${i.x + j * w}" y="${i.y}" width="${w + 0.3}" ` +
        `height="${i.h}" fill="${escaped(c)}"/>`).join("");
    }
    return `<text x="${i.x}" y="${i.y}" font-size="${i.size}" font-weight="${i.weight}" ` +
      `text-anchor="${i.anchor ?? "start"}" fill="${ink}">${escaped(i.text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="sans-serif"><title>${escaped(head.title)}</title>` +
    `<rect width="100%" height="100%" fill="${ground}"/>${drawn.join("")}</svg>`;
}

// The tile an arrow leads to, by where the tiles stand on the screen.
export function neighbour(boxes, from, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (step) return Math.min(boxes.length - 1, Math.max(0, from + step));
  if (key === "Home") return 0;
  if (key === "End") return boxes.length - 1;
  const sign = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (!sign) return -1;
  let best = from, least = Infinity;
  boxes.forEach((box, i) => {
    const down = sign * (box.y - boxes[from].y);
    if (down < 2) return;
    const far = down * 4 + Math.abs(box.x - boxes[from].x);
    if (far < least) { least = far; best = i; }
  });
  return best;
}

export const within = (value, low, high) => Math.min(high, Math.max(low, value));
