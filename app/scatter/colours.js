// Colours that show on the ground they are drawn on, light or dark.

export const GREY = "#7F8C98";
// Viridis (van der Walt and Smith): lightness rises evenly, for every kind of colour vision.
const RAMP = ["#440154", "#472D7B", "#3B528B", "#2C728E", "#21918C", "#28AE80", "#5EC962", "#ADDC30", "#FDE725"];
const LEAST = 1.5; // contrast of a point with the ground; more would make yellow orange

// [r, g, b] from "#rgb", "#rrggbb" or "rgb(…)", as browsers write them
export function rgbOf(text) {
  if (text.startsWith("#")) {
    const hex = text.length < 7 ? [...text.slice(1)].map((c) => c + c).join("") : text.slice(1);
    return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }
  return (text.match(/[\d.]+/g) ?? [127, 127, 127]).slice(0, 3).map(Number);
}

export function hexOf(rgb) {
  return "#" + rgb.map((v) => Math.round(v).toString(16).padStart(2, "0")).join("").toUpperCase();
}

export function mixed(a, b, share) {
  const [from, to] = [rgbOf(a), rgbOf(b)];
  return hexOf(from.map((v, i) => v + (to[i] - v) * share));
}

// Relative luminance and contrast as WCAG 2 defines them.
export function luminance(text) {
  const [r, g, b] = rgbOf(text).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

// The colour itself, or as much nearer to black or white as it takes to be seen.
export function readable(colour, ground) {
  const away = luminance(ground) > 0.18 ? "#000000" : "#FFFFFF";
  let found = colour;
  for (let share = 0.04; contrast(found, ground) < LEAST && share < 1; share += 0.04) found = mixed(colour, away, share);
  return found;
}

// Colour of a step of a scale, 0 to 1; the end that would not show is left out.
export function ramp(at, ground) {
  const [from, to] = luminance(ground) > 0.18 ? [0, 0.82] : [0.2, 1];
  const place = (from + (to - from) * Math.min(1, Math.max(0, at))) * (RAMP.length - 1);
  const i = Math.min(RAMP.length - 2, Math.floor(place));
  return mixed(RAMP[i], RAMP[i + 1], place - i);
}

// Grey of what is there but not meant: nearer to the ground than any colour.
export function dimmed(ground) {
  return luminance(ground) > 0.18 ? mixed(GREY, ground, 0.62) : mixed(GREY, ground, 0.7);
}

// The colours of a legend's categories on a ground.
export function coloursOf(meta, ground) {
  return meta.categories.map((c) => (c.at === null || c.at === undefined ? readable(c.colour, ground) : ramp(c.at, ground)));
}

// A colour as one pixel of a picture in memory: a, b, g, r.
export function inkOf(colour) {
  const [r, g, b] = rgbOf(colour);
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}
