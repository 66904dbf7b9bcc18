// A term's tip hangs from its left edge; near the right edge of the window it is drawn in.
const WIDTH = 320;

const draw = ({ target }) => {
  const term = target.closest("a.term");
  if (!term) return;
  // Of a term broken over two lines, the tip hangs from the first piece
  const [first] = term.getClientRects();
  term.style.setProperty("--shift", `${Math.min(0, innerWidth - WIDTH - first.left)}px`);
};

document.addEventListener("pointerover", draw);
document.addEventListener("focusin", draw);
