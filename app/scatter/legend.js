// The legend beside a map: buttons that hide a category, or a bar of a scale's steps.

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

// `plot` has meta, colours, hidden; it is told of a toggle and of what is pointed at.
export function fillLegend(box, plot) {
  const { meta, colours, hidden } = plot;
  const isStep = (c) => c.at !== null && c.at !== undefined;
  const steps = meta.categories.map((c, k) => [c, k]).filter(([c]) => isStep(c));
  const parts = [element("strong", { textContent: meta.heading })];
  if (steps.length) parts.push(bar(steps, meta, colours, plot));
  meta.categories.forEach((c, k) => { if (!isStep(c)) parts.push(button(c, k, plot)); });
  if (meta.lit) {
    const dot = element("i");
    dot.style.background = meta.lit.grey;
    parts.push(element("span", { className: "note" }, dot, meta.lit.words));
  }
  const lost = [...hidden].filter((name) => !meta.categories.some((c) => c.name === name));
  lost.forEach((name) => hidden.delete(name));
  box.replaceChildren(...parts);
}

function button(c, k, plot) {
  const dot = element("i"), made = element("button", { type: "button", title: `Show or hide ${c.name}` },
    dot, element("b", { textContent: c.name }), element("span", { textContent: c.count }));
  dot.style.background = plot.colours[k];
  if (c.name === plot.meta.chosen) made.setAttribute("aria-current", "true");
  const say = () => made.setAttribute("aria-pressed", String(!plot.hidden.has(c.name)));
  made.onclick = () => {
    if (!plot.hidden.delete(c.name)) plot.hidden.add(c.name);
    say();
    plot.changed();
  };
  for (const [event, meant] of [["pointerenter", k], ["pointerleave", -1], ["focus", k], ["blur", -1]]) {
    made.addEventListener(event, (e) => { if (event !== "focus" || made.matches(":focus-visible")) plot.mean(meant); });
  }
  say();
  return made;
}

function bar(steps, meta, colours, plot) {
  const colour = element("div", { className: "steps" }), words = element("div", { className: "ends" });
  steps.slice().reverse().forEach(([c, k]) => {
    const step = element("i", { title: `${c.name}: ${c.count}` });
    step.style.background = colours[k];
    step.addEventListener("pointerenter", () => plot.mean(k));
    step.addEventListener("pointerleave", () => plot.mean(-1));
    colour.append(step);
  });
  words.append(element("span", { textContent: meta.scale.high }), element("span", { textContent: meta.scale.low }));
  return element("div", { className: "scale" }, colour, words);
}
