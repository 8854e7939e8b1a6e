// Where things of the guide go: pure functions, tried in node.

// Last part of a path: the screen's name; "" is the first screen.
export const screenOf = (path) => path.replace(/\/+$/, "").split("/").pop();

// Place of a card of a size beside a target, inside a window, not over the target where
// there is room: below, above, right, left; else in the lower right corner.
export function placeCard(target, card, view, gap = 14) {
  const corner = {
    left: Math.max(gap, view.width - card.width - gap),
    top: Math.max(gap, view.height - card.height - gap),
  };
  if (!target) return corner;
  const within = (value, size, whole) =>
    Math.min(Math.max(gap, value), Math.max(gap, whole - size - gap));
  const left = within(target.left + target.width / 2 - card.width / 2, card.width, view.width);
  const top = within(target.top, card.height, view.height);
  const right = target.left + target.width, bottom = target.top + target.height;
  if (right < 0 || bottom < 0 || target.left > view.width || target.top > view.height) return corner;
  if (bottom + card.height + 2 * gap <= view.height) return { left, top: bottom + gap };
  if (target.top - card.height - 2 * gap >= 0) return { left, top: target.top - card.height - gap };
  if (right + card.width + 2 * gap <= view.width) return { left: right + gap, top };
  const before = target.left - card.width - gap;
  if (before >= gap && before + card.width <= view.width) return { left: before, top };
  return corner;
}

// Which step comes after one, forwards or backwards, past those whose screen the study
// does not have; null at either end.
export function nextStep(steps, at, way, screens) {
  for (let i = at + way; i >= 0 && i < steps.length; i += way)
    if (screens.includes(steps[i].screen)) return i;
  return null;
}

// Whether a key is meant for the page and not for what is being written.
export function isShortcut(event, active) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
  const name = (active?.tagName ?? "").toUpperCase();
  if (active?.isContentEditable || name === "TEXTAREA" || name === "SELECT") return false;
  const typed = ["button", "checkbox", "radio", "range", "submit", "reset", "file"];
  return name !== "INPUT" || typed.includes(active.type);
}
