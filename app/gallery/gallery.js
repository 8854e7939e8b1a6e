// Images from bytes: drawn on canvases, so that none of them ever has an address.
// It is sent after layout.js, as one text.

const shows = new WeakMap();
const byId = new Map();
let early = null; // slices that came before the figure they belong to

const make = (tag, settings = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), settings);
  element.append(...inside);
  return element;
};

async function paint(canvas, bytes) {
  const picture = await createImageBitmap(new Blob([bytes]));
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  canvas.dataset.painted = `${bytes.length}`;
}

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

class Show {
  constructor(root) {
    this.find = (part) => root.querySelector(`[data-part=${part}]`);
    this.host = root.host ?? root;
    this.dialog = this.find("dialog");
    this.groups = this.find("groups");
    this.details = new Map();
    this.zoom = 1;
    this.groups.addEventListener("keydown", (e) => this.arrows(e));
    this.find("png").onclick = () => this.png();
    this.find("svg").onclick = () => save(new Blob([toSvg(this.head, this.part, this.theme())],
      { type: "image/svg+xml" }), `${this.head.name}.svg`);
    this.find("before").onclick = () => this.open(this.tile - 1);
    this.find("after").onclick = () => this.open(this.tile + 1);
    this.find("close").onclick = () => this.dialog.close();
    this.find("larger").onclick = () => this.scaled(1.4);
    this.find("smaller").onclick = () => this.scaled(1 / 1.4);
    this.find("slice").oninput = (e) => this.slice(Number(e.target.value));
    this.find("stage").addEventListener("wheel", (e) => {
      if (e.ctrlKey || this.frames().length < 2) return;
      e.preventDefault();
      this.slice(this.at + Math.sign(e.deltaY));
    }, { passive: false });
    this.dialog.addEventListener("keydown", (e) => this.keys(e));
    this.dialog.addEventListener("click", (e) => { if (e.target === this.dialog) this.dialog.close(); });
    this.dialog.addEventListener("close", () => this.buttons[this.tile]?.focus());
  }

  show(bytes) {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    const { head, part } = unpack(bytes);
    if (this.head) byId.delete(this.head.id);
    if (this.dialog.open) this.dialog.close();
    Object.assign(this, { head, part, tile: 0 });
    this.details.clear();
    byId.set(head.id, this);
    this.tiles = head.groups.flatMap((group) => group.tiles);
    this.buttons = [];
    this.find("title").textContent = head.title;
    this.find("said").textContent = head.said;
    this.groups.style.setProperty("--tile", `${head.size}px`);
    this.groups.style.setProperty("--across", head.across);
    this.groups.classList.toggle("even", head.even);
    this.groups.replaceChildren(...head.groups.map((group) => this.group(group)));
    this.bar(head.scale);
    if (early?.head.of === head.id) this.detail(early.head, early.part);
  }

  group(group) {
    const tiles = group.tiles.map((tile) => {
      const number = this.buttons.length, canvas = make("canvas");
      paint(canvas, this.part(tile.at));
      const button = make("button", { type: "button", tabIndex: number ? -1 : 0, title: "Enlarge" }, canvas);
      button.setAttribute("aria-label", `${tile.alt}. Enlarge`);
      button.onclick = () => this.open(number);
      this.buttons.push(button);
      const caption = tile.caption ? [make("figcaption", { textContent: tile.caption })] : [];
      return make("figure", {}, button, ...caption);
    });
    const texts = [["strong", group.title], ["small", group.note]].filter(([, text]) => text || this.head.even)
      .map(([tag, textContent]) => make(tag, { textContent }));
    const section = make("section", {}, ...texts, make("div", { className: "tiles" }, ...tiles));
    section.setAttribute("aria-label", group.title || this.head.title);
    return section;
  }

  bar(scale) {
    const bar = this.find("bar");
    bar.hidden = !scale;
    if (!scale) return;
    const colours = make("i");
    colours.style.background = `linear-gradient(to right, ${scale.colours.join(", ")})`;
    const ends = make("div", {}, ...[scale.low, scale.middle, scale.high]
      .map((textContent) => make("span", { textContent })));
    bar.replaceChildren(make("small", { textContent: scale.title }), colours, ends);
  }

  arrows(e) {
    const from = this.buttons.indexOf(e.target.closest("button"));
    const to = from < 0 ? -1 : neighbour(this.buttons.map((b) => b.getBoundingClientRect()), from, e.key);
    if (to < 0) return;
    e.preventDefault();
    this.focus(to);
  }
  focus(number) {
    this.buttons.forEach((b, i) => { b.tabIndex = i === number ? 0 : -1; });
    this.buttons[number].focus();
  }

  // ---- one image, large ----
  open(number) {
    if (number < 0 || number >= this.tiles.length) return;
    Object.assign(this, { tile: number, at: null, line: 0 });
    const held = this.details.has(number);
    if (this.head.opens && !held) this.opened(`${this.head.id}:${number}`);
    this.find("waiting").hidden = !this.head.opens || held;
    this.find("before").disabled = number === 0;
    this.find("after").disabled = number === this.tiles.length - 1;
    this.buttons.forEach((b, i) => { b.tabIndex = i === number ? 0 : -1; });
    this.choose(0);
    if (!this.dialog.open) this.dialog.showModal();
  }
  series() {
    const detail = this.details.get(this.tile), tile = this.tiles[this.tile];
    return detail?.head.series ?? [{ label: "", frames: [tile.at] }];
  }
  frames() { return this.series()[this.line].frames; }
  source() { return this.details.get(this.tile)?.part ?? this.part; }

  choose(line) {
    this.line = line;
    const series = this.series();
    const buttons = series.length < 2 ? [] : series.map((s, i) => {
      const button = make("button", { type: "button", textContent: s.label, onclick: () => this.choose(i) });
      button.setAttribute("aria-pressed", String(i === line));
      return button;
    });
    this.find("series").replaceChildren(...buttons);
    this.slice(this.at ?? Math.floor(this.frames().length / 2));
  }
  slice(number) {
    const frames = this.frames(), tile = this.tiles[this.tile], slider = this.find("slice");
    this.at = within(number, 0, frames.length - 1);
    slider.max = frames.length - 1;
    slider.value = this.at;
    slider.parentElement.hidden = frames.length < 2;
    const where = frames.length < 2 ? "" : `slice ${this.at + 1} of ${frames.length}`;
    this.find("where").textContent = where;
    const label = this.series()[this.line].label;
    const canvas = this.find("large");
    canvas.setAttribute("aria-label", [tile.alt, label, where].filter(Boolean).join(", "));
    this.find("caption").textContent = [tile.caption || tile.alt, label].filter(Boolean).join(" · ");
    paint(canvas, this.source()(frames[this.at])).then(() => this.scaled(1));
  }
  scaled(factor) {
    this.zoom = within(this.zoom * factor, 1, 8);
    const canvas = this.find("large"), stage = this.find("stage");
    const fit = Math.min(stage.clientWidth / canvas.width, stage.clientHeight / canvas.height);
    canvas.style.width = `${Math.floor(canvas.width * fit * this.zoom)}px`;
    this.find("smaller").disabled = this.zoom <= 1;
  }
  keys(e) {
    const ways = {
      ArrowLeft: () => this.open(this.tile - 1), ArrowRight: () => this.open(this.tile + 1),
      ArrowUp: () => this.slice(this.at - 1), ArrowDown: () => this.slice(this.at + 1),
      "+": () => this.scaled(1.4), "=": () => this.scaled(1.4), "-": () => this.scaled(1 / 1.4),
    };
    e.stopPropagation(); // the page has keys of its own
    if (!ways[e.key]) return;
    e.preventDefault();
    ways[e.key]();
  }

  detail(head, part) {
    this.details.set(head.tile, { head, part });
    if (head.tile !== this.tile || !this.dialog.open) return;
    this.find("waiting").hidden = true;
    this.at = null;
    this.choose(0);
  }

  // ---- downloads ----
  theme() {
    const style = getComputedStyle(this.host);
    const read = (name, other) => style.getPropertyValue(name).trim() || other;
    return { ink: read("--st-text-color", "#31333f"), ground: read("--st-background-color", "#fff") };
  }
  async png() {
    const { width, height, items } = layout(this.head), { ink, ground } = this.theme(), ratio = 2;
    const canvas = make("canvas", { width: width * ratio, height: height * ratio });
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, height);
    for (const i of items) {
      if (i.kind === "image") {
        pen.drawImage(await createImageBitmap(new Blob([this.part(i.image.at)])), i.x, i.y, i.w, i.h);
      } else if (i.kind === "bar") {
        const w = i.w / i.colours.length;
        i.colours.forEach((c, j) => { pen.fillStyle = c; pen.fillRect(i.x + j * w, i.y, w + 0.5, i.h); });
      } else {
        Object.assign(pen, { fillStyle: ink, textAlign: i.anchor === "middle" ? "center" : i.anchor ?? "start",
          font: `${i.weight} ${i.size}px sans-serif` });
        pen.fillText(i.text, i.x, i.y);
      }
    }
    canvas.toBlob((blob) => save(blob, `${this.head.name}.png`));
  }
}

export default ({ data, parentElement, setTriggerValue }) => {
  const bytes = data;
  const { head, part } = unpack(bytes);
  if (head.kind === "detail") {
    early = { head, part };
    byId.get(head.of)?.detail(head, part);
    return undefined;
  }
  let show = shows.get(parentElement);
  if (!show) shows.set(parentElement, (show = new Show(parentElement)));
  show.opened = (tile) => setTriggerValue("opened", tile);
  show.show(bytes);
  return () => byId.delete(show.head.id);
};
