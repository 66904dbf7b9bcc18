// The playground: a GPT that writes on, beside a BERT that fills in, each with its mask as a switch.
import { chances, MASK, SEP, softmax, Transformer, UNK, Writer } from "./model.mjs";

const ROADS = { gpt: "GPT：接着写", bert: "BERT：填空" };
const STRANGE = {
  gpt: "GPT练的时候从来没见过右边。现在掀掉了掩码，这是它没练过的情形（out of distribution），猜的不作数。",
  bert: "BERT练的时候两边都看。现在戴上了掩码，这是它没练过的情形（out of distribution），猜的不作数。",
};
const LONGEST = 200; // characters written at one go
const percent = (p) => (p >= 0.1 ? `${Math.round(100 * p)}%` : `${(100 * p).toFixed(1)}%`);

/** An element with properties, attributes (aria-…, role) and children; text is never read as HTML. */
export const make = (name, { attributes = {}, ...properties } = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
export const button = (textContent, act, attributes) => {
  const made = make("button", { type: "button", textContent, attributes });
  made.addEventListener("click", act);
  return made;
};
const failure = (message) => Object.assign(new Error(message), { expected: true });

/** The bytes of a linked file, or an error that says what happened. */
export async function download(link, again, progress) {
  const name = link.textContent;
  const response = await fetch(link.href, { cache: again ? "reload" : "force-cache" });
  if (!response.ok) throw failure(`${name}下载失败（${response.status}）。`);
  const bytes = new Uint8Array(Number(link.dataset.bytes));
  let length = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (length + value.length <= bytes.length) bytes.set(value, length);
    length += value.length;
    progress.value += value.length;
  }
  if (length !== bytes.length) throw failure(`${name}应有${bytes.length}字节，收到${length}字节。`);
  if (globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hash !== link.dataset.sha256) throw failure(`${name}的指纹和页面上写的不一样。`);
  }
  return bytes.buffer;
}

/** linear.wat compiled, or null where there is no WebAssembly or no SIMD. */
async function compile(file) {
  try {
    return await WebAssembly.compile(file);
  } catch {
    return null;
  }
}

export const unzipped = (bytes) => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
const size = (links) => links.reduce((sum, link) => sum + Number(link.dataset.bytes), 0);

/** The files of some links, in their order; `message` shows how far it is. */
const fetchAll = (links, message, again) => {
  const progress = make("progress", { max: size(links), value: 0, attributes: { "aria-label": "载入" } });
  message.replaceChildren("正在载入…… ", progress);
  return Promise.all(links.map((link) => download(link, again, progress)));
};

/** Characters that a GPT writes in a second. */
const speed = (gpt) => {
  const began = performance.now();
  const writer = new Writer(gpt, [SEP]);
  while (writer.ids.length <= 60) writer.ids.push(chances(writer.scores(), 0).indexOf(1));
  return Math.round(60 / ((performance.now() - began) / 1000));
};

export async function open(place, message, again) {
  const links = [...place.querySelectorAll("a[data-sha256]:not([data-larger])")];
  const began = performance.now();
  const [gpt, bert, code] = await fetchAll(links, message, again);
  const wasm = await compile(code);
  const how = wasm ? "WebAssembly" : "这里用不了WebAssembly，改用普通的JavaScript，慢一些";

  /** Two models take the place of those that are there; a sentence that was changed stands in the address, and stays. */
  const show = (models, since) => {
    const seconds = ((performance.now() - since) / 1000).toFixed(2);
    const memory = ((models.gpt.memory.byteLength + models.bert.memory.byteLength) / 1e6).toFixed(1);
    message.textContent = `载入用了${seconds}秒；这台机器每秒写${speed(models.gpt)}个字（${how}）；模型占内存${memory} MB。`;
    place.querySelector(".app")?.remove();
    place.querySelector("figcaption").before(build(models, place.dataset.text, place.classList.contains("small")));
  };
  const pairs = { small: { gpt: new Transformer(gpt, wasm), bert: new Transformer(bert, wasm) } };
  show(pairs.small, began);
  place.classList.add("open");
  const larger = [...place.querySelectorAll("a[data-larger]")];
  if (larger.length && globalThis.DecompressionStream) message.after(changer(pairs, larger, wasm, message, show));
}

/** A button that fetches the larger pair, once, and changes to it and back. */
const changer = (pairs, links, wasm, message, show) => {
  const names = { larger: `换成大一号的两个（${(size(links) / 1e6).toFixed(1)} MB）`, small: "换回小的两个" };
  let [wanted, tries] = ["larger", 0];
  const change = button(names.larger, async () => {
    const began = performance.now();
    change.disabled = true;
    try {
      if (!pairs[wanted]) {
        const [gpt, bert] = await Promise.all((await fetchAll(links, message, tries++ > 0)).map(unzipped));
        pairs.larger = { gpt: new Transformer(gpt, wasm), bert: new Transformer(bert, wasm) };
      }
      show(pairs[wanted], began);
      wanted = wanted === "small" ? "larger" : "small";
      change.textContent = names[wanted];
    } catch (error) {
      message.textContent = `没有载入成：${error.message}`;
    }
    change.disabled = false;
    change.focus();
  });
  change.className = "size";
  return change;
};

/** Characters with their chances as bars, the likeliest first. act(id): what a press does; none: nothing to press. */
export const bars = (probabilities, count, name, act) =>
  Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b] - probabilities[a])
    .slice(0, count)
    .filter((id) => probabilities[id] > 0)
    .map((id) => {
      const p = probabilities[id];
      const fill = make("span", { className: "fill" });
      fill.style.width = `${100 * p}%`;
      const row = act ? button("", () => act(id), { "aria-label": `写“${name(id)}”，${percent(p)}` }) : make("div");
      row.append(make("span", { className: "token" }, name(id)), make("span", { className: "track" }, fill), percent(p));
      return make("li", {}, row);
    });

/** A shape of a drawing, with attributes. */
export const shape = (name, attributes, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
};

/** Attention weights (T, S ≤ T) of one head as a picture, or as a table of percentages. */
const picture = (rows, labels, title) => {
  const side = 20 * (labels.length + 1);
  const svg = shape("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": title });
  svg.style.minWidth = `${Math.min(side, 13 * labels.length)}px`;
  svg.style.maxWidth = `${1.3 * side}px`;
  labels.forEach((label, i) => {
    svg.append(shape("text", { x: 20 * i + 30, y: 15 }, label), shape("text", { x: 10, y: 20 * i + 35 }, label));
    svg.append(shape("rect", { class: "seen", x: 20, y: 20 * i + 20, width: 20 * rows[i].length, height: 20 }));
    rows[i].forEach((weight, j) => {
      const at = { x: 20 * j + 20, y: 20 * i + 20, width: 20, height: 20 };
      if (weight > 0.01) svg.append(shape("rect", { ...at, "fill-opacity": weight.toFixed(3) }));
    });
  });
  return svg;
};
const table = (rows, labels) => {
  const head = make("tr", {}, make("td"), ...labels.map((label) => make("th", { scope: "col" }, label)));
  const body = labels.map((label, i) => {
    const cells = labels.map((_, j) => make("td", {}, j < rows[i].length ? String(Math.round(100 * rows[i][j])) : "—"));
    return make("tr", {}, make("th", { scope: "row" }, label), ...cells);
  });
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
};

/** One draw from probabilities. */
const draw = (probabilities) => {
  let rest = Math.random();
  const chosen = probabilities.findIndex((p) => (rest -= p) < 0);
  return chosen < 0 ? probabilities.findLastIndex((p) => p > 0) : chosen; // rounding left a crumb
};

// A sentence and what is hidden in it, as the end of an address: browsers keep that to themselves, no server sees it.
const fromAddress = () => {
  const told = new URLSearchParams(location.hash.slice(1));
  const mask = (told.get("mask") ?? "").split(",").filter(Boolean).map((place) => Number(place) - 1);
  return told.has("text") ? { text: told.get("text"), mask } : null;
};
const toAddress = (text, hidden) => {
  const told = new URLSearchParams({ text, mask: [...hidden].map((i) => i + 1).join(",") });
  history.replaceState(null, "", `#${told}`);
};

/** The first three of a list of bars, for a screen reader. */
const spoken = (list) => [...list.children].slice(0, 3).map((item) => item.textContent).join("，");

function build(models, text, small) {
  const { tokens, context } = models.gpt;
  const name = (id) => ({ [SEP]: "§", [MASK]: "▢", [UNK]: "？" })[id] ?? (tokens[id] === " " ? "␣" : tokens[id]);
  const causal = { gpt: true, bert: false };
  const seen = {}; // by road: what it read last, and the attention paid to it, [layer][head][t][s]
  let typed, writer, scores, written; // GPT: ids; after them come `written` of its own
  let running = false;
  let inside, hidden, asked; // BERT: ids; which of them are hidden, and which one is asked for

  const area = make("textarea", { rows: 2, value: text, autocomplete: "off", spellcheck: false });
  const note = make("p", { className: "message", attributes: { role: "status" } });
  const live = make("p", { className: "spoken", attributes: { "aria-live": "polite" } });

  // GPT
  const story = make("p", { className: "story" });
  const next = make("ol", { className: "bars" });
  const temperature = make("input", { type: "range", min: 0, max: 2, step: 0.1, value: 1 });
  const degree = make("output");
  const topK = make("input", { type: "number", min: 1, max: tokens.length, value: 40 });
  const one = button("写一个字", () => step());
  const run = button("一直写", () => writeOn());
  const stop = button("停", () => (running = false));
  const clear = button("擦掉写的", () => {
    one.focus(); // what has the focus must not become disabled
    startWriting();
  });

  const startWriting = () => {
    running = false;
    written = 0;
    writer = new Writer(models.gpt, [SEP, ...typed], causal.gpt);
    scores = writer.scores();
    drawWriting();
    drawMap("gpt");
  };
  const chancesNow = () => {
    const k = Math.min(Math.max(1, Math.round(Number(topK.value))), tokens.length);
    return chances(scores, Number(temperature.value), k);
  };
  const drawWriting = () => {
    const begun = typed.slice(-context).map(name).join("");
    const own = writer.ids.slice(writer.ids.length - written).map(name).join("");
    story.replaceChildren(typed.length > context ? "……" : "", begun, make("ins", {}, own));
    degree.value = Number(temperature.value).toFixed(1);
    const pressed = next.contains(document.activeElement);
    next.replaceChildren(...bars(chancesNow(), small ? 5 : 8, name, step));
    if (pressed) next.querySelector("button").focus();
    one.disabled = run.disabled = running;
    stop.disabled = !running;
    clear.disabled = running || !written;
  };
  const step = (id = draw(chancesNow())) => {
    writer.ids.push(id);
    written++;
    scores = writer.scores();
    drawWriting();
    if (running) return id;
    drawMap("gpt");
    live.textContent = `写了“${name(id)}”。接下来：${spoken(next)}`;
    return id;
  };
  const writeOn = async () => {
    const mine = writer; // another text, another writer: then this one ends
    running = true;
    drawWriting();
    stop.focus();
    for (let i = 0; i < LONGEST && running && mine === writer && step() !== SEP; i++) {
      await new Promise(requestAnimationFrame);
    }
    if (mine !== writer) return;
    const wasThere = document.activeElement === stop;
    running = false;
    drawWriting();
    drawMap("gpt");
    if (wasThere) run.focus();
    live.textContent = `写了${written}个字：${story.lastChild.textContent}`;
  };

  // BERT
  const characters = make("div", { className: "characters", attributes: { role: "group", "aria-label": "点一个字，把它挖掉" } });
  const truth = make("p");
  const [left, both] = [make("ol", { className: "bars" }), make("ol", { className: "bars" })];

  const startFilling = (wanted = [Math.floor(typed.slice(2 - context).length / 2)]) => {
    inside = typed.slice(2 - context); // [SEP] before it, [SEP] after it
    hidden = new Set(wanted.filter((i) => inside[i] !== undefined));
    asked = [...hidden].at(-1) ?? 0; // the one hidden last
    characters.replaceChildren(...inside.map((id, i) => button("", () => toggle(i), { "aria-label": `${name(id)}，第${i + 1}个字` })));
    rove(asked);
    drawFilling();
  };
  const toggle = (i) => {
    if (!hidden.delete(i)) hidden.add(i);
    asked = hidden.has(i) || !hidden.size ? i : [...hidden].at(-1);
    rove(i);
    drawFilling();
    if (!small) toAddress(area.value, hidden);
    live.textContent = `${truth.textContent}两边都看：${spoken(both)}`;
  };
  const rove = (i) => [...characters.children].forEach((child, j) => (child.tabIndex = i === j ? 0 : -1));
  const drawFilling = () => {
    const ids = [SEP, ...inside.map((id, i) => (hidden.has(i) ? MASK : id)), SEP];
    [...characters.children].forEach((child, i) => {
      child.textContent = name(ids[i + 1]);
      child.setAttribute("aria-pressed", hidden.has(i));
      child.classList.toggle("asked", hidden.has(i) && i === asked);
    });
    drawMap("bert");
    left.replaceChildren();
    both.replaceChildren();
    truth.textContent = inside.length ? "点一个字，把它挖掉。" : "先写几个字，再挖。";
    if (!hidden.has(asked)) return;
    const guess = (read) => {
      models.bert.read(read, causal.bert);
      return softmax(models.bert.head(asked + 1));
    };
    const [byLeft, byBoth] = [guess(ids.slice(0, asked + 2)), guess(ids)];
    left.replaceChildren(...bars(byLeft, 5, name));
    both.replaceChildren(...bars(byBoth, 5, name));
    const id = inside[asked];
    truth.textContent = `挖掉的是“${name(id)}”。BERT给它的概率：只看左边${percent(byLeft[id])}，两边都看${percent(byBoth[id])}。`;
  };
  characters.addEventListener("keydown", (event) => {
    const at = [...characters.children].indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: inside.length - 1 }[event.key];
    if (to === undefined || !characters.children[to]) return;
    event.preventDefault();
    rove(to);
    characters.children[to].focus();
  });

  // both: the mask as a switch, and who looks at whom
  const panels = Object.fromEntries(Object.keys(ROADS).map((road) => {
    const strange = make("p", { className: "message", attributes: { role: "status" } });
    const mask = button("因果掩码：只看左边", () => {
      causal[road] = !causal[road];
      mask.setAttribute("aria-checked", causal[road]);
      strange.textContent = causal[road] === (road === "gpt") ? "" : STRANGE[road];
      if (road === "gpt") startWriting();
      else drawFilling();
    }, { role: "switch", "aria-checked": causal[road] });
    const choice = (label, count) => {
      const select = make("select", {}, ...Array.from({ length: count }, (_, i) => make("option", { value: i }, String(i + 1))));
      select.addEventListener("change", () => showMap(road));
      return [select, make("label", {}, `${label} `, select)];
    };
    const [layer, layerLabel] = choice("层", models[road].layers);
    const [head, headLabel] = choice("头", models[road].heads);
    const map = make("div", { className: "map", tabIndex: 0, attributes: { role: "group", "aria-label": "注意力图" } });
    const numbers = make("div", { className: "map", tabIndex: 0, attributes: { role: "group", "aria-label": "注意力，百分数" } });
    const details = make("details", {}, make("summary", {}, "这张图的数字（百分之几，—是看不见）"), numbers);
    details.addEventListener("toggle", () => showMap(road));
    const caption = make("p", { className: "caption" }, "一行是一个在看的位置，一列是一个被看的位置，越深看得越多；画了框的是看得见的。§是[SEP]。");
    const rest = small ? [] : [make("p", { className: "knobs" }, layerLabel, headLabel), map, caption, details];
    return [road, { parts: [make("p", {}, mask), strange, ...rest], layer, head, map, numbers, details }];
  }));
  const drawMap = (road) => {
    if (small) return;
    const ids = road === "gpt"
      ? writer.ids.slice(writer.first)
      : [SEP, ...inside.map((id, i) => (hidden.has(i) ? MASK : id)), SEP];
    seen[road] = { labels: ids.map(name), maps: models[road].read(ids, causal[road]) };
    showMap(road);
  };
  const showMap = (road) => {
    const { layer, head, map, numbers, details } = panels[road];
    const rows = seen[road].maps[layer.value][head.value];
    const title = `${road.toUpperCase()}第${Number(layer.value) + 1}层第${Number(head.value) + 1}头的注意力，${rows.length}个位置`;
    map.replaceChildren(picture(rows, seen[road].labels, title));
    numbers.replaceChildren(...(details.open ? [table(rows, seen[road].labels)] : []));
  };

  const read = (wanted) => {
    typed = models.gpt.encode(area.value);
    const strangers = [...new Set(area.value)].filter((c) => !models.gpt.ids.has(c)).slice(0, 8);
    note.textContent = [
      strangers.length ? `词表里没有${strangers.map((c) => JSON.stringify(c)).join("、")}，当作[UNK]，画成“？”。` : "",
      typed.length > context - 2 ? `一共${typed.length}个字。模型一次最多看${context}个位置，这里只用最后的。` : "",
    ].join("");
    startWriting();
    startFilling(wanted);
  };
  const retold = () => {
    read();
    if (!small) toAddress(area.value, hidden);
  };
  area.addEventListener("input", (event) => event.isComposing || retold()); // not while pinyin is being typed
  area.addEventListener("compositionend", retold);
  temperature.addEventListener("input", drawWriting);
  topK.addEventListener("input", drawWriting);
  const told = small ? null : fromAddress();
  if (told) area.value = told.text;
  read(told?.mask);

  const knobs = [make("label", {}, "温度 ", temperature, degree), make("label", {}, "只从前几名里抽 ", topK)];
  const road = (which, ...parts) =>
    make("section", { className: `road ${which}`, attributes: { "aria-label": ROADS[which] } }, make("p", { className: "name" }, ROADS[which]), ...parts, ...panels[which].parts);
  return make("div", { className: "app" },
    make("label", { className: "sentence" }, "写一句话，最好像评论", area), note,
    make("div", { className: "roads" },
      road("gpt", story, make("p", { className: "buttons" }, one, run, stop, clear), ...(small ? [] : [make("p", { className: "knobs" }, ...knobs)]), make("p", {}, "下一个字（§是写完了），点一个就写它："), next),
      road("bert", characters, truth, make("div", { className: "sides" }, make("div", {}, make("p", {}, "只看左边"), left), make("div", {}, make("p", {}, "两边都看"), both)))),
    live);
}
