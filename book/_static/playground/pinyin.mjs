// The third road: a T5 that reads pinyin and writes 汉字, and which syllables it looks at for each character.
import { bars, button, download, make, shape } from "./app.mjs";
import { SEP, softmax, UNK } from "./model.mjs";
import { T5 } from "./t5.mjs";

const PREFIX = [..."拼音："];
const MORE = 4; // characters it may write beyond one a syllable

export async function open(place, message, again) {
  const link = place.querySelector("a[data-sha256]");
  const progress = make("progress", { max: Number(link.dataset.bytes), value: 0, attributes: { "aria-label": "载入" } });
  message.replaceChildren("正在载入…… ", progress);
  const began = performance.now();
  const model = new T5(await download(link, again, progress));
  message.textContent = `载入用了${((performance.now() - began) / 1000).toFixed(2)}秒。`;
  place.classList.add("open");
  place.querySelector("figcaption").before(build(model, place.dataset.text));
}

/** Weights (written, source) as a picture: a column a character, a row a syllable. */
const picture = (columns, characters, syllables, title) => {
  const [wide, high] = [60 + 22 * characters.length, 24 + 22 * syllables.length];
  const svg = shape("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": title });
  Object.assign(svg.style, { minWidth: `${0.7 * wide}px`, maxWidth: `${1.2 * wide}px` });
  syllables.forEach((syllable, s) => svg.append(shape("text", { class: "end", x: 54, y: 22 * s + 39 }, syllable)));
  characters.forEach((character, t) => {
    svg.append(shape("text", { x: 22 * t + 71, y: 16 }, character));
    columns[t].forEach((weight, s) => {
      const at = { x: 22 * t + 60, y: 22 * s + 24, width: 22, height: 22 };
      svg.append(shape("rect", { ...at, "fill-opacity": weight.toFixed(3) }), shape("rect", { ...at, class: "seen" }));
    });
  });
  return svg;
};

function build(model, text) {
  const name = (id) => ({ [SEP]: "§", [UNK]: "？" })[id] ?? model.tokens[id];
  let syllables, written, steps, asked; // ids; {probabilities, maps} of each; which one is looked at
  let chosen = []; // characters the reader has put in place of the likeliest

  const area = make("input", { type: "text", value: text, autocomplete: "off", spellcheck: false });
  const note = make("p", { className: "message", attributes: { role: "status" } });
  const characters = make("div", { className: "characters", attributes: { role: "group", "aria-label": "写出来的字，点一个看看它" } });
  const likely = make("ol", { className: "bars" });
  const about = make("p");
  const choice = (label, count) => {
    const options = ["平均", ...Array.from({ length: count }, (_, i) => String(i + 1))];
    const select = make("select", {}, ...options.map((told, i) => make("option", { value: i }, told)));
    select.addEventListener("change", () => drawMap());
    return [select, make("label", {}, `${label} `, select)];
  };
  const [layer, layerLabel] = choice("层", model.layers);
  const [head, headLabel] = choice("头", model.heads);
  const map = make("div", { className: "map", tabIndex: 0, attributes: { role: "group", "aria-label": "交叉注意力图" } });

  /** The chosen layer and head, or the mean of all. */
  const weights = (maps) => {
    const layers = Number(layer.value) ? [maps[layer.value - 1]] : maps;
    const rows = layers.flatMap((heads) => (Number(head.value) ? [heads[head.value - 1]] : heads));
    return Array.from(syllables, (_, s) => rows.reduce((sum, row) => sum + row[s], 0) / rows.length);
  };
  const drawMap = () => {
    const columns = steps.slice(0, written.length).map(({ maps }) => weights(maps));
    map.replaceChildren(picture(columns, written.map(name), syllables, `${written.length}个字，各看了哪些音节`));
  };
  const draw = () => {
    const had = [...characters.children].indexOf(document.activeElement);
    characters.replaceChildren(...written.map((id, i) => button(name(id), () => look(i), { "aria-label": `${name(id)}，第${i + 1}个字`, "aria-pressed": i === asked })));
    if (had >= 0) characters.children[Math.min(had, written.length - 1)]?.focus();
    about.textContent = written.length ? `第${asked + 1}个字，点一个换上去，后面的重写：` : "没有写出字来。";
    likely.replaceChildren(...(written.length ? bars(steps[asked].probabilities, 5, name, replace) : []));
    drawMap();
  };
  const look = (i) => {
    asked = i;
    draw();
  };
  const replace = (id) => {
    chosen = [...written.slice(0, asked), id];
    write();
    characters.children[Math.min(asked, written.length - 1)]?.focus();
  };
  const write = () => {
    syllables = [...PREFIX, ...area.value.trim().split(/\s+/).filter(Boolean)];
    const strangers = syllables.filter((syllable) => !model.ids.has(syllable));
    note.textContent = strangers.length ? `词表里没有${strangers.join("、")}，当作[UNK]。不带声调，ü写作v。` : "";
    const decoding = model.read(syllables.map((syllable) => model.ids.get(syllable) ?? UNK));
    [written, steps] = [[], []];
    for (let id = SEP; written.length <= syllables.length - PREFIX.length + MORE; written.push(id)) {
      const [scores, maps] = decoding.step(id);
      const probabilities = softmax(scores);
      steps.push({ probabilities, maps });
      id = chosen[written.length] ?? probabilities.indexOf(Math.max(...probabilities));
      if (id === SEP) break;
    }
    asked = Math.max(0, Math.min(asked ?? 0, written.length - 1));
    draw();
  };
  area.addEventListener("input", () => {
    [chosen, asked] = [[], 0];
    write();
  });
  write();

  const caption = make("p", { className: "caption" }, "一列是写出来的一个字，一行是题目里的一个词元，越深看得越多。");
  return make("div", { className: "app" },
    make("label", { className: "sentence" }, "写拼音，不带声调，音节之间空一格", area), note,
    make("section", { className: "road t5", attributes: { "aria-label": "T5：读拼音，写汉字" } },
      make("p", { className: "name" }, "T5：读拼音，写汉字"), characters, about, likely,
      make("p", { className: "knobs" }, layerLabel, headLabel), map, caption));
}
