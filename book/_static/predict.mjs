// What came out stays folded until the reader has guessed. Nothing is kept, nothing is sent.
const forms = [...document.querySelectorAll("form.predict")];
const score = { right: 0, guessed: 0 };

// At most a tenth of what came out away
const NEAR = 0.1;

const offBy = (guess, answer, unit) => {
  const off = guess - answer;
  const digits = (String(answer).split(".")[1] ?? "").length;
  if (Math.abs(off) <= NEAR * Math.abs(answer)) return { right: true, said: `你猜${guess}${unit}，很近` };
  return { right: false, said: `你猜${guess}${unit}，${off > 0 ? "高" : "低"}了${Math.abs(off).toFixed(digits)}` };
};

for (const form of forms) {
  const button = form.querySelector("button");
  const folded = form.querySelector("details");
  const { answer, unit } = form.dataset;
  button.hidden = false;
  folded.hidden = true;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const number = form.querySelector("[type=number]");
    const chosen = form.querySelector("[type=radio]:checked");
    const { right, said } = number
      ? offBy(Number(number.value), Number(answer), unit)
      : { right: chosen.value === answer, said: chosen.value === answer ? "猜中了" : "没有猜中" };
    score.guessed += 1;
    score.right += right;
    const sum = `这一页猜了${score.guessed}题，中了${score.right}题。`;
    form.querySelector(".off").textContent = `${said}。${forms.length > 1 ? sum : ""}`;
    for (const field of form.querySelectorAll("input, button")) field.disabled = true;
    Object.assign(folded, { hidden: false, open: true });
  });
}
