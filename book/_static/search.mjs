// The search index is cut into words when the book is built; a query arrives uncut, so 随机种子 would find nothing.
// Cut it here: at each place take the longest word that the index knows.
const known = (word) => Object.hasOwn(Search._index.terms, word) || Object.hasOwn(Search._index.titleterms, word);

const cut = (text) => {
  const words = [];
  for (let start = 0; start < text.length; ) {
    let end = text.length;
    while (end > start + 1 && !known(text.slice(start, end))) end--;
    if (known(text.slice(start, end))) words.push(text.slice(start, end));
    start = end;
  }
  return words.length ? words : [text];
};

window.splitQuery = (query) =>
  (query.match(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_])+/gu) ?? []).flatMap((piece) =>
    /\p{Script=Han}/u.test(piece) ? cut(piece) : [piece],
  );
