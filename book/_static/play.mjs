// Figures one can play with. Each draws what its chapter has printed; the arithmetic is the chapter's own.
import { bucketOf } from "./buckets.mjs";

// Scores, the highest first → chances; 0 for what top-k and top-p cut off. As next_probabilities of chapter 2.
export const chances = (scores, { temperature, k, p }) => {
  if (temperature === 0) return scores.map((_, i) => Number(i === 0));
  const weights = scores.map((score, i) => (i < k ? Math.exp((score - scores[0]) / temperature) : 0));
  const sum = weights.reduce((a, b) => a + b);
  let before = 0;
  const kept = weights.map((weight) => {
    const keeps = before / sum < p || p === 1;
    before += weight;
    return keeps ? weight : 0;
  });
  const left = kept.reduce((a, b) => a + b);
  return kept.map((weight) => weight / left);
};

// Characters → what a masked model is shown: [{character, shown, asked}]. draws: numbers in [0, 1), three a character.
export const hide = (characters, draws, { rate, masked }) =>
  characters.map((character, i) => {
    const [chosen, fate, other] = draws[i];
    if (chosen >= rate) return { character, shown: character, asked: false };
    const random = characters[Math.floor(other * characters.length)];
    const shown = fate < masked ? "▢" : fate < (1 + masked) / 2 ? random : character;
    return { character, shown, asked: true };
  });

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const percent = (share) => `${Math.round(100 * share)}%`;
const SHOWN = 12; // characters that get a bar of their own

const bar = (name, share, was) =>
  element(
    "li",
    share ? {} : { class: "gone" },
    element("span", { class: "token" }, name),
    element("span", { class: "track" }, element("span", { class: "was", style: `width:${percent(was)}` }), element("span", { class: "fill", style: `width:${percent(share)}` })),
    element("span", { class: "share" }, share ? percent(share) : "—"),
  );

const temperature = {
  knobs: [
    { name: "temperature", label: "温度", min: 0, max: 2.5, step: 0.1, value: 1 },
    { name: "k", label: "top-k", min: 1, max: 30, step: 1, value: 30 },
    { name: "p", label: "top-p", min: 0.05, max: 1, step: 0.05, value: 1 },
  ],
  draw(text, knobs) {
    const pairs = [...text.matchAll(/(\S)(-?\d+\.\d+)/gu)];
    const scores = pairs.map(([, , score]) => Number(score));
    const [was, now] = [{ temperature: 1, k: 30, p: 1 }, knobs].map((how) => chances(scores, how));
    const rest = (shares) => shares.slice(SHOWN).reduce((a, b) => a + b);
    const items = pairs.slice(0, SHOWN).map(([, character], i) => bar(character, now[i], was[i]));
    items.push(bar("其余", rest(now), rest(was)));
    const kept = now.filter(Boolean).length;
    return [element("ul", { class: "bars" }, ...items), `留下${kept}个字；最可能的“${pairs[0][1]}”占${percent(now[0])}。灰的是原来的概率。`];
  },
};

const mask = {
  knobs: [
    { name: "rate", label: "选中多少", min: 0, max: 1, step: 0.05, value: 0.15, shown: percent },
    { name: "masked", label: "其中换成▢", min: 0, max: 1, step: 0.1, value: 0.8, shown: percent },
    { name: "turn", label: "第几次抽", min: 1, max: 20, step: 1, value: 1 },
  ],
  draw(text, { turn, ...how }) {
    const characters = [...text.trim()];
    const draw = randomNumbers(turn);
    const draws = characters.map(() => [draw(), draw(), draw()]);
    const seen = hide(characters, draws, how);
    const asked = seen.filter((one) => one.asked);
    const masked = asked.filter((one) => one.shown === "▢").length;
    const same = asked.filter((one) => one.shown === one.character).length;
    const shown = seen.map((one) => element(one.asked ? "mark" : "span", {}, one.shown));
    const told = `${characters.length}个字选中${asked.length}个：${masked}个换成▢，${asked.length - masked - same}个换成别的字，${same}个原样。没选中的${characters.length - asked.length}个照原样给它看。`;
    return [element("p", { class: "text" }, ...shown), told];
  },
};

// The same numbers for the same turn, so that moving a slider moves nothing else (mulberry32).
const randomNumbers = (seed) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
};

const SVG = "http://www.w3.org/2000/svg";

// A drawing over [left, right] × [0, top], as wide as its place → [element, line(class, points)].
const plane = (left, right, top) => {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `${left} ${-top} ${right - left} ${top}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  const line = (name, points) => {
    const drawn = document.createElementNS(SVG, "polyline");
    drawn.setAttribute("class", name);
    drawn.setAttribute("points", points.map(([x, y]) => `${x},${-y}`).join(" "));
    drawing.append(drawn);
  };
  return [drawing, line];
};
const axis = (...names) => element("p", { class: "axis" }, ...names.map((name) => element("span", {}, name)));

const WIDTH = 140; // characters to each side

const buckets = {
  knobs: [
    { name: "buckets", label: "桶", min: 8, max: 64, step: 8, value: 32 },
    { name: "farthest", label: "刻度的尽头", min: 48, max: 256, step: 16, value: 128 },
    { name: "distance", label: "看哪个距离", min: -WIDTH, max: WIDTH, step: 1, value: -20 },
  ],
  draw(text, { distance, ...how }) {
    const [drawing, line] = plane(-WIDTH, WIDTH, how.buckets);
    const told = [];
    line("here", [[distance, 0], [distance, how.buckets]]);
    for (const [name, title, bothSides] of [["bert", "编码器（橙）", true], ["gpt", "解码器（蓝）", false]]) {
      const of = (d) => bucketOf(d, { ...how, bothSides });
      const all = Array.from({ length: 2 * WIDTH + 1 }, (_, i) => i - WIDTH);
      line(name, all.flatMap((d) => [[d - 0.5, of(d)], [d + 0.5, of(d)]]));
      const together = all.filter((d) => of(d) === of(distance));
      told.push(`${title}进${of(distance)}号桶，同桶的有${together[0]}到${together.at(-1)}`);
    }
    const under = axis(`左边${WIDTH}字`, "自己", `右边${WIDTH}字`);
    return [element("div", {}, drawing, under), `距离${distance}：${told.join("；")}。`];
  },
};

// One learning curve, two rulers: digits one by one, and whole answers, were the digits right or wrong on their own.
const ruler = {
  knobs: [
    { name: "digits", label: "答案几位", min: 1, max: 20, step: 1, value: 6 },
    { name: "step", label: "第几步", min: 0, max: 500, step: 10, value: 180 },
  ],
  draw(text, { digits, step }) {
    const curve = [...text.matchAll(/(\d+):(\d\.\d+)/g)].map(([, at, share]) => [Number(at), Number(share)]);
    const [drawing, line] = plane(0, curve.at(-1)[0], 1);
    line("here", [[step, 0], [step, 1]]);
    line("bert", curve);
    line("gpt", curve.map(([at, share]) => [at, share ** digits]));
    const [, single] = curve.find(([at]) => at === step);
    const half = curve.find(([, share]) => share ** digits > 0.5);
    const told = `第${step}步：单个数字对${percent(single)}（橙），${digits}位全对${percent(single ** digits)}（蓝）。全对过半，在第${half[0]}步。`;
    return [element("div", {}, drawing, axis("第0步", `第${curve.at(-1)[0]}步`)), told];
  },
};

const FIGURES = { temperature, mask, buckets, ruler };

for (const figure of document.querySelectorAll("figure.play")) {
  const { knobs, draw } = FIGURES[figure.dataset.figure];
  const text = figure.querySelector("pre").textContent;
  const values = Object.fromEntries(knobs.map(({ name, value }) => [name, value]));
  const told = element("p", { class: "told", role: "status" });
  const place = element("div", { class: "drawn", "aria-hidden": "true" });
  const redraw = () => {
    const [drawn, said] = draw(text, values);
    place.replaceChildren(drawn);
    told.textContent = said;
  };
  const box = element("div", { class: "knobs" });
  for (const { name, label, shown = String, value, ...range } of knobs) {
    const slider = element("input", { type: "range", ...range, value });
    const number = element("span", { class: "value", "aria-hidden": "true" }, shown(value));
    slider.addEventListener("input", () => {
      values[name] = Number(slider.value);
      number.textContent = shown(values[name]);
      slider.setAttribute("aria-valuetext", number.textContent);
      redraw();
    });
    box.append(element("label", {}, `${label} `, slider, " ", number));
  }
  figure.append(box, place, told);
  redraw();
  figure.hidden = false;
}
