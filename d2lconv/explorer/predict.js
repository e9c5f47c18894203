// Predictions: under the name of each registered misconception, the numbers that it gives for an output element.
const flip = slice => slice.map(row => [...row].reverse()).reverse();
const transpose = matrix => matrix[0].map((_, j) => matrix.map(row => row[j]));
const value = (p, at, change) => element({...p, ...change}, at).value;
const met_by = (p, at, kernel) => value(p, at, {K: p.K.with(at[0], kernel)});
const padded = (p, at, [top, left]) => value(p, at, {padding: [[top, 0], [left, 0]]});
const parts = (p, at) => { const {terms, bias} = element(p, at); return [sum(terms), bias, terms]; };
const WRONG = {
  "mean instead of sum": (p, at, own) => {
    const [total, bias] = parts(p, at), area = own[0].flat().length;
    return [own.length, own.length * area, area].map(n => total / n + bias);
  },
  "one shared kernel": (p, at, own) => [own[0], own.at(-1)].map(slice => met_by(p, at, own.map(() => slice))),
  "only one input channel seen": (p, at) => {
    const [, bias, terms] = parts(p, at);
    return [terms[0] + bias, terms.at(-1) + bias, value(p, at, {X: p.X.map(() => p.X[0])})];
  },
  "the same kernel for every output channel": (p, at) => [p.K[0], p.K.at(-1)].map(kernel => met_by(p, at, kernel)),
  "kernel flipped (true convolution)": (p, at, own) =>
    [own, [...own].reverse()].map(kernel => met_by(p, at, kernel.map(flip))),
  "activation before the sum": (p, at) => [element(p, at, {...RIGHT, act: "before"}).value],
  "bias added once per channel pair": (p, at, own) => { const [total, bias] = parts(p, at); return [total + own.length * bias]; },
  "c_o and c_i exchanged": (p, at, own) =>
    p.K.length === own.length ? [met_by(p, at, own.map((_, n) => p.K[n][at[0]]))] : [],
  "one group's kernel on all groups": (p, at) => [met_by(p, at, p.K[at[0] % (p.K.length / p.groups)])],
  "padding on one side": (p, at) => [[0, 0], p.padding.map(([n]) => Math.floor(n / 2))].map(n => padded(p, at, n)),
  "`same` instead of `valid`": (p, at, own) => {
    const half = sides(own[0]).map(k => Math.floor(k / 2)), rest = sides(own[0]).map(k => Math.floor((k - 1) / 2));
    const more = border => border.map((n, d) => n + p.padding[d][0]);
    return [more(rest), more(half), half].map(border => padded(p, at, border));
  },
  "height and width exchanged": (p, [o, i, j], own) => {
    const square = [p.X[0], own[0]].every(matrix => same(...sides(matrix)));
    return square && [p.stride, p.padding, p.dilation].every(pair => same(...pair)) ?
      [met_by(p, [o, i, j], own.map(transpose)), value(p, [o, j, i]), value(p, [o, i, j], {X: p.X.map(transpose)})] : [];
  },
};
const wrong_numbers = (name, p, at) => WRONG[name](p, at, p.K[at[0]]);
// The same problem with one input channel alone: what it gives is an output of its own.
const alone = (p, o, n) => ({...p, X: [p.X[p.first(o) + n]], K: [[p.K[o][n]]], bias: null, relu: false, groups: 1,
  first: () => 0});
// The first of these misconceptions that gives a number which is not the right one; as shown, rounded.
function misconception(known, p, at, answer) {
  const shown = x => number(p.relu ? Math.max(0, x) : x), right = number(element(p, at).value);
  return number(answer) === right ? undefined
    : known.find(({name}) => wrong_numbers(name, p, at).some(x => shown(x) === number(answer)));
}
