"use strict";

// The page of /console. All texts are set as text, never as HTML: they come from rows and
// from providers.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let allowed = false; // actions are

// el makes an element. Attributes are given by name; text is text.
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.map((c) => (c instanceof Node ? c : String(c))));
  return node;
}

function svg(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function table(head, rows, none) {
  if (rows.length === 0) return el("p", { class: "hint" }, none);
  const cell = (name, c) => el(name, c && c.n ? { class: "n" } : {}, c && c.n ? c.n : c);
  return el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((h) => { const th = cell("th", h); th.setAttribute("scope", "col"); return th; }))),
    el("tbody", {}, ...rows.map((r) => el("tr", {}, ...r.map((c) => cell("td", c))))));
}

const n = (value) => ({ n: String(value) });
const link = (id) => el("a", { href: "#" + encodeURIComponent(id), class: "id" }, id);

function seconds(s) {
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 120) return Math.round(s) + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  return (s / 3600).toFixed(1) + " h";
}

async function api(path, body) {
  const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const response = await fetch("api/" + path, options);
  if (response.status === 401) { location.reload(); }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || "HTTP " + response.status);
  return answer;
}

async function act(path, body, then) {
  try {
    say((await api(path, body)).said);
    if (then) then();
  } catch (error) { say(error.message); }
}

let saying = 0;
function say(text) {
  $("said").textContent = text;
  clearTimeout(saying);
  saying = setTimeout(() => { $("said").textContent = ""; }, 6000);
}

function button(text, what) {
  const b = el("button", { type: "button", class: "plain" }, text);
  b.addEventListener("click", what);
  return b;
}

// bars draws stacked bars, one a minute. The description says the same in words.
function bars(values, description) {
  const width = 360, height = 110, top = Math.max(1, ...values.map((v) => v.reduce((a, b) => a + b, 0)));
  const step = width / 60;
  const marks = [];
  values.forEach((v, i) => {
    let at = height;
    v.forEach((part, k) => {
      const tall = (part / top) * height;
      at -= tall;
      if (tall > 0) marks.push(svg("rect", { class: k ? "fail" : "bar", x: i * step, y: at + 12, width: step - 1, height: tall }));
    });
  });
  const label = (x, y, text, anchor) => svg("text", { x, y, "text-anchor": anchor }, text);
  return svg("svg", { viewBox: `0 0 ${width} ${height + 30}`, role: "img", "aria-label": description },
    ...marks, svg("line", { class: "axis", x1: 0, x2: width, y1: height + 12, y2: height + 12 }),
    label(0, 10, "most: " + (Number.isInteger(top) ? top : top.toFixed(1)), "start"), label(0, height + 26, "an hour ago", "start"), label(width, height + 26, "now", "end"));
}

// padded fills up to an hour.
const padded = (list, empty) => Array(Math.max(0, 60 - list.length)).fill(empty).concat(list);

function showFinished(o) {
  const sum = (key) => o.finished.reduce((a, m) => a + m[key], 0);
  const words = `${sum("complete")} complete and ${sum("failed")} failed in the last hour`;
  $("finished").replaceChildren(bars(o.finished.map((m) => [m.complete, m.failed]), words), el("p", { class: "hint" }, words));
  const ends = o.delay.reduce((a, d) => a + d.ends, 0);
  const mean = ends ? o.delay.reduce((a, d) => a + d.ends * d.mean, 0) / ends : 0;
  const delay = ends ? `Ends found by this daemon: ${ends}; ${seconds(mean)} after they came, on average` : "This daemon has found no end yet.";
  $("delay").replaceChildren(bars(padded(o.delay.map((d) => [d.mean]), [0]), delay), el("p", { class: "hint" }, delay));
}

// spread draws when tasks end, as the share that ends in each stretch of time, with the
// planned looks as lines.
function spread(d) {
  const width = 720, height = 90, looks = d.looks, q = d.quantiles;
  if (q.length < 2) return el("p", { class: "hint" }, "Too little was learnt.");
  const most = Math.max(q[q.length - 1] * 1.15, 1), x = (s) => (Math.min(s, most) / most) * width;
  const parts = [];
  for (let i = 0, from = 0; i < q.length; i++) {
    if (q[i] > from) parts.push({ from, to: q[i], dense: 1 / (q[i] - from) });
    else if (parts.length) parts[parts.length - 1].dense *= 1.2;
    from = Math.max(from, q[i]);
  }
  const top = Math.max(...parts.map((p) => p.dense));
  const shown = looks.filter((s) => s <= most);
  const words = `${d.provider} ${d.type}: half have ended after ${seconds(q[9] || q[q.length - 1])}; ${looks.length} looks planned until the deadline, the first after ${seconds(looks[0] || 0)}`;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height + 20}`, role: "img", "aria-label": words },
    ...parts.map((p) => svg("rect", { class: "bar", x: x(p.from), width: Math.max(1, x(p.to) - x(p.from)), y: height - (p.dense / top) * (height - 12), height: (p.dense / top) * (height - 12) })),
    ...shown.map((s) => svg("line", { class: "look", x1: x(s), x2: x(s), y1: 0, y2: height })),
    svg("line", { class: "axis", x1: 0, x2: width, y1: height, y2: height }),
    svg("text", { x: 0, y: height + 15 }, "0 s"), svg("text", { x: width, y: height + 15, "text-anchor": "end" }, seconds(most)));
  return el("div", {}, el("h3", {}, `${d.provider}, ${d.type}`), chart, el("p", { class: "hint" }, words + `; learnt from ${Math.round(d.rows)} rows. Each line is a planned look at a row that has not changed yet.`));
}

function showProviders(o) {
  $("providers").replaceChildren(table(["Provider", "Limit", n("May send"), n("Sent"), "State"], o.providers.map((p) => {
    const state = el("div", { class: "row" });
    state.append(p.paused ? el("span", { class: "bad" }, p.paused) : p.refused ? el("span", { class: "bad" }, p.refused) : el("span", { class: "good" }, "calls are made"));
    if (allowed) {
      state.append(p.paused ? button("Resume " + p.name, () => act("resume", { provider: p.name }, load))
        : button("Pause " + p.name, () => act("pause", { provider: p.name, reason: "at the console" }, load)));
    }
    return [p.name, p.limit === "0" ? "none" : p.limit, n(p.share), n(p.used), state];
  }), "none"), el("p", { class: "hint" }, "May send, sent: calls of this daemon in one window of the limit."));
}

function showFeed(o) {
  const list = [["Feed", o.feed.configured], ["This daemon", o.feed.mode || "follows; another daemon is the feed"], ["Daemons", o.daemons.length + " at work"], ["Version", o.version]];
  if (o.feed.trouble) list.push(["Trouble", o.feed.trouble]);
  $("feed").replaceChildren(el("dl", {}, ...list.flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)])));
}

function show(o) {
  allowed = o.actions;
  $("jobs").hidden = !o.jobs;
  $("trouble").hidden = o.trouble.length === 0;
  $("trouble").textContent = o.trouble.map((t) => t.part + ": " + t.why).join("; ");
  $("state").textContent = `As of ${new Date(o.at).toLocaleTimeString()}. ${allowed ? "Actions are allowed." : "Read-only: TASKSYNC_CONSOLE_ACTIONS=1 allows actions."}`;
  const ages = ["30 s", "1 min", "2 min", "5 min", "10 min", "older"];
  $("pending").replaceChildren(table(["Type", ...ages.map((a) => ({ n: a }))], o.pending.map((p) => [p.type, ...p.ages.map(n)]), "No row is pending."), ...(o.pending.length ? [el("p", { class: "hint" }, "Each column has the rows up to the age at its head.")] : []));
  showFinished(o);
  $("failures").replaceChildren(table(["Code", n("Rows"), "Examples"], o.failures.map((f) => [f.code, n(f.rows), el("div", {}, ...f.examples.flatMap((id) => [link(id), " "]))]), "No row has failed."));
  showProviders(o);
  showFeed(o);
  $("durations").replaceChildren(...(o.durations.length ? o.durations.slice(0, 6).map(spread) : [el("p", { class: "hint" }, "No row has ended yet.")]));
  $("effects").replaceChildren(table(["What", "State", "Next step"], o.effects.map((e) => [e.name, e.state, e.next || ""]), "Nothing follows."));
  const seen = new Set(), waiting = [...o.overdue, ...o.ignored].filter((w) => !seen.has(w.id) && seen.add(w.id));
  $("waiting").replaceChildren(table(["Row", "Reason", "Why"], waiting.map((w) => [link(w.id), w.reason, w.why]), "No row is overdue or ignored."));
}

function fields(s) {
  const list = [["Row", s.id], ["Task", `${s.taskId || "none yet"} (${s.taskType}, provider ${s.provider || "default"})`], ["Status", s.status + (s.statusWord ? ` (“${s.statusWord}” in the table)` : "") + ": " + s.why]];
  const at = (t) => { const d = (new Date(t) - new Date(s.seenAt)) / 1000; return d >= 0 ? "in " + seconds(d) : seconds(-d) + " ago"; };
  if (s.errorMessage) list.push(["Message", s.errorMessage]);
  if (s.stage) list.push(["Stage", s.stage]);
  if (s.eta) list.push(["Expected", `${at(s.eta.p50)} (half of such rows), ${at(s.eta.p90)} (nine of ten)`]);
  if (s.nextLook) list.push(["Next look", at(s.nextLook)]);
  if (s.deadline) list.push(["Deadline", at(s.deadline)]);
  if (s.grace) list.push(["Grace", "ends " + at(s.grace.until) + (s.grace.stands ? "; it stands still" : "")]);
  for (const j of s.jobs) list.push(["Job", `${j.id}, ${j.state} in queue ${j.queue}, for ${j.rows} rows${j.lastError ? "; " + j.lastError : ""}`]);
  for (const c of s.clips) list.push(["Clip", `${c.clipId} ${c.status}${c.audio ? ", with audio" : c.preview ? ", with a preview" : c.placeholder ? ", a placeholder" : ""}`]);
  if (s.advice) list.push(["Next step", s.advice]);
  return el("dl", {}, ...list.flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]));
}

function timeline(s) {
  const first = s.timeline.length ? new Date(s.timeline[0].at) : 0;
  return el("ol", { class: "lines" }, ...s.timeline.map((l) => {
    const later = new Date(l.at) > new Date(s.seenAt);
    const time = el("time", { datetime: l.at, title: l.at, class: "when" }, new Date(l.at).toLocaleTimeString());
    return el("li", {}, time, el("span", { class: "when" }, "+" + seconds(Math.max(0, (new Date(l.at) - first) / 1000))), el("span", { class: later ? "later" : l.kind }, l.text));
  }));
}

function showStory(stories) {
  const cards = stories.map((s) => {
    const box = el("section", { class: "card" }, el("h2", {}, s.taskType + " " + s.id), fields(s));
    if (allowed && s.reason === "failed") box.append(button("Retry this row", () => act("retry", { id: s.id }, route)));
    box.append(el("h3", {}, "What happened"), timeline(s));
    if (s.answer) box.append(el("h3", {}, `Last answer (HTTP ${s.answer.http}; texts are replaced by their length)`), el("pre", { tabindex: "0", "aria-label": "Last answer" }, JSON.stringify(s.answer.body, null, 2)));
    return box;
  });
  $("story").replaceChildren(el("p", {}, el("a", { href: "#" }, "← Overview")), ...cards);
}

// idOf reads an id from the address, in which somebody may have written anything.
function idOf(hash) {
  try { return decodeURIComponent(hash); } catch { return hash; }
}

let shownID = "";
async function route() {
  shownID = idOf(location.hash.slice(1));
  $("overview").hidden = shownID !== "" && shownID !== "main";
  $("story").hidden = !$("overview").hidden;
  if (!$("overview").hidden) { document.title = "tasksync console"; return load(); }
  document.title = shownID + " – tasksync console";
  $("id").value = shownID;
  try {
    showStory(await api("rows/" + encodeURIComponent(shownID)));
  } catch (error) {
    $("story").replaceChildren(el("p", {}, el("a", { href: "#" }, "← Overview")), el("p", { class: "bad", role: "alert" }, error.message));
  }
}

async function load() {
  try { show(await api("overview")); } catch (error) { $("state").textContent = error.message; }
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = $("id").value.trim();
  if (id === shownID) route();
  else location.hash = encodeURIComponent(id);
  $("main").focus();
});
addEventListener("hashchange", route);
// A page that nobody sees asks for nothing. What somebody stands in, or has marked, stays as
// it is.
setInterval(() => {
  if (document.hidden || document.activeElement.closest("#providers, #failures, #waiting, #story") || String(getSelection())) return;
  if ($("overview").hidden) route(); else load();
}, 3000);
load().then(route);
