// The table of claims, searched and filtered by verdict. Without JavaScript all of it simply stands there.
const VERDICTS = ["成立", "有条件成立", "过时", "不成立", "无法核实"];

const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);

for (const table of document.querySelectorAll("table.ledger")) {
  const rows = [...table.tBodies[0].rows];
  const search = make("input", { type: "search", placeholder: "找一个词，比如：缩放", autocomplete: "off" });
  search.setAttribute("aria-label", "在88条说法里找");
  const count = make("output");
  const buttons = VERDICTS.map((verdict) => {
    const button = make("button", { type: "button", textContent: verdict });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!pressed));
      show();
    });
    return button;
  });

  const show = () => {
    const wanted = buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.textContent);
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const verdict = row.cells[2].textContent.trim();
      row.hidden = !(words.every((word) => text.includes(word)) && (!wanted.length || wanted.includes(verdict)));
    }
    count.value = `${rows.filter((row) => !row.hidden).length}条`;
  };

  search.addEventListener("input", show);
  const bar = make("div", { className: "ledger-bar" });
  bar.setAttribute("role", "search");
  bar.append(search, ...buttons, count);
  (table.closest(".pst-scrollable-table-container") ?? table).before(bar);
  show();
}
