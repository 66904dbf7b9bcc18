// Where the key stands minus where the query stands → its bucket. As relative_position_bucket of chapter 6.
export const bucketOf = (distance, { bothSides, buckets, farthest }) => {
  const side = bothSides ? buckets / 2 : buckets;
  const first = bothSides && distance > 0 ? side : 0;
  const away = bothSides ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(side / 2);
  if (away < exact) return first + away;
  const share = Math.fround(Math.log(away / exact)) / Math.fround(Math.log(farthest / exact));
  return first + Math.min(side - 1, Math.floor(exact + share * (side - exact)));
};
