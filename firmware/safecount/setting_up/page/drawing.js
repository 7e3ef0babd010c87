// The picture: the silhouette, the paths, and the lines that are drawn over it, by pointer and by keyboard.
// Places are in thousandths of the picture; the SVG is 1000 wide and as high as the picture's shape has it.

const SVG = "http://www.w3.org/2000/svg";
const STEP = 10, LARGE_STEP = 50, LEAST_LENGTH = 40;
// A line must be steeper than this against its in side (counting/geometry.py).
const LEAST_SINE = 0.17;
const TOWARDS = { right: [1, 0], left: [-1, 0], down: [0, 1], up: [0, -1] };
const OPPOSITE = { right: "left", left: "right", down: "up", up: "down" };

export const opposite = (side) => OPPOSITE[side];

function vector(line, height) {
  const dx = line.end[0] - line.start[0], dy = (line.end[1] - line.start[1]) * height / 1000;
  const length = Math.hypot(dx, dy) || 1;
  return [dx / length, dy / length];
}

// The sides that can be told apart by a line: those across it.
export function sides(line, height) {
  const [x, y] = vector(line, height);
  return Object.keys(TOWARDS).filter((side) => Math.abs(x * TOWARDS[side][1] - y * TOWARDS[side][0]) >= LEAST_SINE);
}

// The line with an in side that can be told.
export function settled(line, height) {
  const possible = sides(line, height);
  return possible.includes(line.in_side) ? line : { ...line, in_side: possible[0] };
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export class Stage {
  // change(lines, done) is called with the lines as they are while something is dragged, and once more when it is done.
  constructor(canvas, svg, change, drawn) {
    this.canvas = canvas;
    this.svg = svg;
    this.change = change;
    this.drawn = drawn;
    this.lines = [];
    this.height = 750;
    this.dragged = null;
    this.under = make("g", {});
    this.over = make("g", {});
    svg.append(this.under, this.over);
    svg.addEventListener("pointerdown", (event) => this.begin(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.finish(event));
    svg.addEventListener("pointercancel", () => { this.dragged = null; });
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  shape(picture) {
    const height = Math.round(1000 * picture[1] / picture[0]);
    if (height === this.height) return;
    this.height = height;
    this.svg.setAttribute("viewBox", `0 0 1000 ${height}`);
    this.show(this.lines);
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    const share = (at, start, extent) => Math.round(1000 * Math.min(1, Math.max(0, (at - start) / extent)));
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  }

  begin(event) {
    if (this.dragged || event.button !== 0) return;
    const at = this.place(event), { line, part } = event.target.dataset;
    if (line !== undefined) this.dragged = { line: Number(line), part, at, before: this.lines[Number(line)] };
    else if (this.drawn()) this.dragged = { line: this.lines.length, part: "new", at };
    else return;
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  move(event) {
    if (!this.dragged) return;
    const { line, part, at, before } = this.dragged, now = this.place(event);
    if (part === "new") {
      if (Math.hypot(now[0] - at[0], now[1] - at[1]) < LEAST_LENGTH) return;
      const steep = Math.abs(now[0] - at[0]) < Math.abs(now[1] - at[1]) * this.height / 1000;
      this.replace(line, { door: "", start: at, end: now, in_side: steep ? "right" : "down", fresh: true }, false);
    } else if (part === "whole") {
      const by = [0, 1].map((axis) => {
        const places = [before.start[axis], before.end[axis]];
        return Math.max(-Math.min(...places), Math.min(1000 - Math.max(...places), now[axis] - at[axis]));
      });
      const moved = (place) => [place[0] + by[0], place[1] + by[1]];
      this.replace(line, { ...before, start: moved(before.start), end: moved(before.end) }, false);
    } else this.replace(line, { ...before, [part]: now }, false);
  }

  finish() {
    if (!this.dragged) return;
    const { line } = this.dragged;
    this.dragged = null;
    if (this.lines[line]) this.replace(line, this.lines[line], true);
  }

  key(event) {
    const { line, part } = event.target.dataset;
    const by = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!by || line === undefined) return;
    event.preventDefault();
    const step = event.shiftKey ? LARGE_STEP : STEP, before = this.lines[Number(line)];
    const moved = before[part].map((value, axis) => Math.min(1000, Math.max(0, value + by[axis] * step)));
    this.replace(Number(line), { ...before, [part]: moved }, true);
    this.over.querySelector(`circle.end[data-line="${line}"][data-part="${part}"]`).focus();
  }

  replace(number, line, done) {
    if (line.start[0] === line.end[0] && line.start[1] === line.end[1]) return;
    const lines = [...this.lines];
    lines[number] = settled(line, this.height);
    this.show(lines);
    this.change(lines, done);
  }

  // Lay the lines over the picture.
  show(lines) {
    this.lines = lines;
    const focused = document.activeElement?.dataset ?? {};
    this.over.replaceChildren(...lines.flatMap((line, number) => this.line(line, number)));
    if (focused.line !== undefined && focused.part)
      this.over.querySelector(`circle.end[data-line="${focused.line}"][data-part="${focused.part}"]`)?.focus();
  }

  line(line, number) {
    const y = (value) => value * this.height / 1000;
    const [x1, y1, x2, y2] = [line.start[0], y(line.start[1]), line.end[0], y(line.end[1])];
    const ends = { x1, y1, x2, y2 }, middle = [(x1 + x2) / 2, (y1 + y2) / 2];
    const [ax, ay] = vector(line, this.height), [tx, ty] = TOWARDS[line.in_side];
    const sign = -ay * tx + ax * ty >= 0 ? 1 : -1, [nx, ny] = [-ay * sign, ax * sign];
    const tip = [middle[0] + nx * 90, middle[1] + ny * 90];
    const wing = (side) => `M${tip} l${-nx * 28 + side * ax * 20} ${-ny * 28 + side * ay * 20}`;
    const name = line.door || `line ${number + 1}`;
    const text = make("text", { x: Math.min(760, Math.max(10, tip[0] + 12)), y: Math.min(this.height - 12, Math.max(40, tip[1])) });
    text.textContent = `${name}: in`;
    return [
      make("line", { ...ends, class: "line" }),
      make("path", { d: `M${middle} L${tip} ${wing(1)} ${wing(-1)}`, class: "in" }),
      text,
      make("line", { ...ends, class: "grip", "data-line": number, "data-part": "whole" }),
      ...["start", "end"].flatMap((part) => {
        const [x, at] = [line[part][0], y(line[part][1])];
        return [
          make("circle", { cx: x, cy: at, r: 46, class: "reach", "data-line": number, "data-part": part }),
          make("circle", {
            cx: x, cy: at, r: 17, class: "end", "data-line": number, "data-part": part, tabindex: 0, role: "button",
            "aria-label": `${name}, ${part === "start" ? "first" : "second"} end: ${line[part][0] / 10} % from the left, ` +
              `${line[part][1] / 10} % from the top. Arrow keys move it.`,
          }),
        ];
      }),
    ];
  }

  // What is seen now.
  see(view) {
    if (view.picture) this.shape(view.picture);
    this.silhouette(view.silhouette, view.picture ?? [4, 3]);
    const y = (value) => value * this.height / 1000;
    this.under.replaceChildren(
      ...view.people.map(([left, top, width, height]) =>
        make("rect", { x: left, y: y(top), width, height: y(height), rx: 12, class: "person" })),
      ...view.paths.map((steps) => make("polyline", { points: steps.map(([x, at]) => `${x},${y(at)}`).join(" "), class: "path" })),
    );
  }

  silhouette(drawn, picture) {
    const [columns, rows] = drawn ? [drawn.columns, drawn.rows] : picture.map((side) => Math.max(1, Math.round(48 * side / Math.max(...picture))));
    if (this.canvas.width !== columns || this.canvas.height !== rows) [this.canvas.width, this.canvas.height] = [columns, rows];
    this.canvas.style.aspectRatio = `${picture[0]} / ${picture[1]}`;
    const paint = this.canvas.getContext("2d");
    paint.clearRect(0, 0, columns, rows);
    if (!drawn) return;
    paint.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--shape");
    const bits = Uint8Array.from(atob(drawn.bits), (one) => one.charCodeAt(0));
    for (let cell = 0; cell < columns * rows; cell++)
      if (bits[cell >> 3] & (128 >> (cell & 7))) paint.fillRect(cell % columns, Math.floor(cell / columns), 1, 1);
  }
}
