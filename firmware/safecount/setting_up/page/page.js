// The set-up page: asks the device what there is to see, and tells it what its user would like. Keeps nothing but the
// session's token, in this tab.

import { opposite, settled, sides, Stage } from "./drawing.js";

const TOKEN = "safecount-set-up";
const MAX_LINES = 4;
const SIDES = { right: "to the right", left: "to the left", down: "downwards", up: "upwards" };
const $ = (id) => document.getElementById(id);

let token = sessionStorage.getItem(TOKEN) ?? "";
let lines = [], serial = 0, scene = 0, known = null, draft = null, sending = 0, sent = null, chosen = 0;

class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

async function ask(what, body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/api/${what}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refused(0, "The device does not answer: is the cable plugged in, and the session still open?");
  }
  if (!answer.ok) throw new Refused(answer.status, (await answer.text()).trim());
  return answer;
}

function say(text) { if ($("said").textContent !== text) $("said").textContent = text; }

// Do it, and say in words what has become of it.
async function attempt(deed, done = "") {
  try {
    const result = await deed();
    say(done);
    return result ?? true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) leave(error.message);
    else say(error.message);
    return null;
  }
}

const post = (what, body, done) => attempt(() => ask(what, body), done);

// Lines: this page's own are what counts; the device is told when a change is done.

const doorless = () => lines.findIndex((line) => !line.door.trim());

function named(line) {
  const { fresh, ...rest } = line;
  if (!fresh) return line;
  const taken = new Set(lines.map((one) => one.door));
  let number = 1;
  while (taken.has(`door ${number}`)) number++;
  return { ...rest, door: `door ${number}` };
}

function change(now, done) {
  const more = now.length !== lines.length;
  lines = now.map(named);
  if (more || done) stage.show(lines);
  if (more) listLines();
  else lines.forEach((line, number) => fill(number, line));
  if (done) sendDraft();
}

function sendDraft() {
  clearTimeout(draft);
  draft = null;
  if (doorless() >= 0) return say("Every line needs the name of its door.");
  draft = setTimeout(sendNow, 150);
}

function sendNow() {
  clearTimeout(draft);
  draft = null;
  sending++;
  sent = post("lines", { lines: lines.map(({ door, start, end, in_side }) => ({ door, start, end, in_side })) });
  sent.finally(() => sending--);
}

// What is about the lines goes out behind the last change of them.
async function afterLines(what, done) {
  if (draft !== null) sendNow();
  await sent;
  return post("do", { what }, done);
}

const stage = new Stage($("silhouette"), $("lines"), change, () => lines.length < MAX_LINES);

function card(line, number) {
  const box = document.createElement("fieldset");
  box.className = "line-card";
  box.innerHTML = `<legend></legend><div class="fields">
    <label>Door<input class="door" maxlength="40" autocomplete="off"></label>
    <label>In is<select class="side"></select></label>
    <button type="button" class="swap">Swap in and out</button><button type="button" class="remove">Remove</button></div>
    <p class="tally"></p><div role="status" aria-live="polite"><ul class="faults" hidden></ul></div>`;
  const part = (name) => box.querySelector(`.${name}`);
  part("door").addEventListener("change", (event) => update(number, { door: event.target.value.trim() }));
  part("side").addEventListener("change", (event) => update(number, { in_side: event.target.value }));
  part("swap").addEventListener("click", () => update(number, { in_side: opposite(lines[number].in_side) }));
  part("remove").addEventListener("click", () => {
    lines = lines.filter((_, other) => other !== number);
    stage.show(lines);
    listLines();
    sendDraft();
    $("add").focus();
  });
  return box;
}

function update(number, fields) {
  lines = lines.map((line, other) => other === number ? settled({ ...line, ...fields }, stage.height) : line);
  stage.show(lines);
  fill(number, lines[number]);
  sendDraft();
}

function listLines() {
  $("line-list").replaceChildren(...lines.map(card));
  lines.forEach((line, number) => fill(number, line));
  $("add").disabled = lines.length >= MAX_LINES;
}

function fill(number, line) {
  const box = $("line-list").children[number];
  if (!box) return;
  box.querySelector("legend").textContent = `Line ${number + 1}: ${line.door}`;
  box.querySelector(".remove").setAttribute("aria-label", `Remove the line of ${line.door}`);
  box.querySelector(".swap").setAttribute("aria-label", `Swap in and out of ${line.door}`);
  const door = box.querySelector(".door"), side = box.querySelector(".side");
  if (document.activeElement !== door) door.value = line.door;
  const possible = sides(line, stage.height);
  if (side.dataset.possible !== String(possible)) {
    side.dataset.possible = possible;
    side.replaceChildren(...possible.map((one) => new Option(SIDES[one], one)));
  }
  side.value = line.in_side;
}

function showCounts(view) {
  view.lines.forEach((line, number) => {
    const box = $("line-list").children[number];
    if (!box || view.lines.length !== lines.length) return;
    box.querySelector(".tally").textContent =
      line.in === null ? "" : `Would have counted since it was drawn: ${line.in} in, ${line.out} out`;
    const list = box.querySelector(".faults");
    if (list.dataset.faults !== line.faults.join()) {
      list.dataset.faults = line.faults.join();
      list.hidden = line.faults.length === 0;
      list.replaceChildren(...line.faults.map((fault) => Object.assign(document.createElement("li"), { textContent: fault })));
    }
  });
}

// The validation round.

function pressButtons() {
  const button = (line, number, inward) => {
    const key = 2 * number + (inward ? 1 : 2), element = document.createElement("button");
    element.type = "button";
    element.setAttribute("aria-keyshortcuts", key);
    element.textContent = `${line.door}: ${inward ? "in" : "out"}`;
    element.append(Object.assign(document.createElement("kbd"), { textContent: `key ${key}` }));
    element.addEventListener("click", () => post("press", { line: number, inward }));
    return element;
  };
  $("press-buttons").replaceChildren(...lines.flatMap((line, number) => [button(line, number, true), button(line, number, false)]));
}

document.addEventListener("keydown", (event) => {
  if (!known?.round || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  $("press-buttons").children[Number(event.key) - 1]?.click();
});

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

function showRound(view) {
  const running = view.round !== null;
  if (running !== Boolean(known?.round)) {
    $("work").classList.toggle("counting", running);
    $("view").hidden = $("desk").hidden = $("round-runs").hidden = !running;
    $("view").hidden = $("desk").hidden = $("round-idle").hidden = running;
    if (running) {
      pressButtons();
      $("press-buttons").firstElementChild?.focus();
    }
  }
  if (running) $("round-time").textContent = `${minutes(view.round.since_s)}, ${view.round.presses} pressed.`;
  const result = JSON.stringify(view.result);
  if ($("round-result").dataset.result !== result) {
    $("round-result").dataset.result = result;
    showResult(view.result);
  }
}

function showResult(result) {
  $("round-result").hidden = result === null;
  if (result === null) return;
  const { whole } = result, told = $("result-told");
  told.textContent = whole === null
    ? "There were fewer than 30 passings: that is too few to say anything. Start another round, and count longer."
    : `Of all passings ${whole.percent} % were counted right; with 95 % certainty between ${whole.low} and ${whole.high} %.`;
  $("certify").hidden = $("result-rows").hidden = whole === null;
  $("result-rows").tBodies[0].replaceChildren(...result.rows.map((row) => {
    const line = document.createElement("tr");
    const texts = [`${lines[row.line]?.door}, ${row.inward ? "in" : "out"}`, `${row.percent} %`, `${row.low} to ${row.high} %`];
    line.append(...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return line;
  }));
  told.focus();
}

// What the device shows.

const placed = (listed) => JSON.stringify(listed.map(({ door, start, end, in_side }) => [door, start, end, in_side]));

function show(view) {
  if (view.serial !== serial && draft === null && !sending && !stage.dragged) {
    serial = view.serial;
    if (placed(view.lines) !== placed(lines)) {
      lines = view.lines.map(({ door, start, end, in_side }) => ({ door, start, end, in_side }));
      stage.show(lines);
      listLines();
    }
  }
  stage.see(view);
  showCounts(view);
  showRound(view);
  $("blind").hidden = view.seeing;
  $("saved").textContent = view.saved ? "These are the lines of the site." : "Not saved yet: the site still counts with the lines before.";
  $("left").textContent = `${minutes(view.left_s)} left`;
  $("left").hidden = false;
  $("whose").textContent = view.site ? `Site: ${view.site}` : "The device belongs to no site yet.";
  $("whose").hidden = false;
  // A view that was made before the last change says "saved" of other lines than those on the page.
  $("save").disabled = !view.site || (view.saved && draft === null && !sending && placed(view.lines) === placed(lines));
  $("device").textContent = view.device ?? "not enrolled";
  if (view.fingerprint) $("key").textContent = view.fingerprint;
  // Of a level that was just chosen a view that comes late knows nothing yet.
  const level = Math.max(view.level, chosen);
  for (const choice of document.querySelectorAll("#levels input")) {
    choice.disabled = Number(choice.value) < level;
    choice.checked = Number(choice.value) === level;
  }
  known = view;
}

async function watch() {
  while (token) {
    try {
      const view = await (await ask(`look?after=${scene}`)).json();
      if (known === null) [serial, chosen] = [-1, 0];
      scene = view.scene;
      show(view);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) return leave(error.message);
      say(error.message);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

function leave(text) {
  token = "";
  known = null;
  sessionStorage.removeItem(TOKEN);
  $("work").hidden = $("left").hidden = true;
  $("enter").hidden = false;
  say(text);
  $("code").focus();
}

function open() {
  $("enter").hidden = true;
  $("work").hidden = false;
  watch();
}

$("enter-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await attempt(() => ask("enter", { code: $("code").value }));
  if (!answer) return $("code").focus();
  token = (await answer.json()).token;
  sessionStorage.setItem(TOKEN, token);
  $("code").value = "";
  say("The page is open.");
  open();
});
$("add").addEventListener("click", () => {
  const at = 200 + 150 * lines.length;
  change([...lines, { door: "", start: [at, 150], end: [at, 850], in_side: "right", fresh: true }], true);
  $("line-list").lastElementChild.querySelector(".door").select();
});
$("save").addEventListener("click", () => afterLines("save", "The lines are saved: the site counts with them from now on."));
$("levels").addEventListener("change", async (event) => {
  chosen = Number(event.target.value);
  let taken = null;
  try {
    taken = await post("level", { level: chosen }, "Less is shown from now on.");
  } finally {
    if (!taken) chosen = 0;
  }
});
$("round-start").addEventListener("click", () => afterLines("start-round", "The round has begun."));
$("round-undo").addEventListener("click", () => post("do", { what: "undo-press" }, "The last press is taken back."));
$("round-drop").addEventListener("click", () => post("do", { what: "drop-round" }, "The round is dropped."));
$("round-finish").addEventListener("click", () => post("do", { what: "finish-round" }, "The round is finished."));
$("certify").addEventListener("click", async () => {
  const answer = await post("do", { what: "certify" }, "The certificate is signed.");
  if (!answer) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
$("end").addEventListener("click", async () => {
  await post("do", { what: "end" });
  leave("The session is ended.");
});

if (token) open();
else $("code").focus();
