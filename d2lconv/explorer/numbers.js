// The numbers: pure functions, a copy of d2lconv.conv and d2lconv.arithmetic that the tests compare with torch.
const range = n => Array.from({length: n}, (_, i) => i);
const sum = numbers => numbers.reduce((a, b) => a + b, 0);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
// The classic family, in any size.
const family = ({c_i, c_o, k, size, groups}) => ({
  X: range(c_i).map(c => range(size).map(i => range(size).map(j => size * i + j + c))),
  K: range(c_o).map(o => range(c_i / groups).map(c => range(k).map(a => range(k).map(b => k * a + b + c + o)))),
});
// The number of places of a window, in each direction.
const places = (x, k, stride, padding, dilation) =>
  [0, 1].map(d => Math.floor((x[d] + sum(padding[d]) - dilation[d] * (k[d] - 1) - 1) / stride[d]) + 1);
const sides = matrix => [matrix.length, matrix[0].length];

// What a reader changes has a key: x:c:i:j is a pixel, k:o:n:a:b a weight, b:o a bias, s:o:n the strength of a slice.
// X, K and bias for a state of the controls, with the reader's changes. A kernel that was given for fewer
// groups than are chosen keeps the slices of its own group: slice n of kernel o is full[o][slot(o, n)].
function problem(given, state) {
  const {stride, padding, dilation, groups, changes} = state;
  const {X: image, K: full} = given.sizes ? family(state) : given, share = image.length / groups, held = full[0].length;
  const changed = (key, value) => changes[key] ?? value;
  const X = image.map((x, c) => x.map((row, i) => row.map((n, j) => changed(`x:${c}:${i}:${j}`, n))));
  const first = (o, size) => Math.floor(o * (X.length / size) / full.length) * size;
  const slot = (o, n) => n + first(o, share) - first(o, held);
  const K = full.map((kernel, o) => range(share).map(n => kernel[slot(o, n)].map((row, a) => row.map((k, b) =>
    changed(`k:${o}:${slot(o, n)}:${a}:${b}`, k) * changed(`s:${o}:${slot(o, n)}`, 1)))));
  const bias = state.bias ? full.map((_, o) => changed(`b:${o}`, given.bias ? given.bias[o] : 0)) : null;
  const [h, w] = places(sides(X[0]), sides(K[0][0]), stride, padding, dilation);
  return {...state, X, K, full, bias, slot, first: o => first(o, share), h, w, shape: [K.length, h, w]};
}

// Where the window of an output element meets the image: row and column of its element (a, b).
const meets = ({stride, padding, dilation}, i, j, a, b) =>
  [i * stride[0] + a * dilation[0] - padding[0][0], j * stride[1] + b * dilation[1] - padding[1][0]];

// One output element: what each input channel that it sees contributes, and the sum. `told` holds wrong beliefs,
// which divide by the number of channels, take slice 0 for every channel, or apply the activation to each part.
const RIGHT = {combine: "sum", slices: "own", act: "after", out: "c_o"};
function element(p, [o, i, j], told = RIGHT) {
  const channels = p.K[o].map((_, n) => p.first(o) + n), before = told.act === "before";
  const terms = channels.map((c, n) => term(p, p.X[c], p.K[o][told.slices === "shared" ? 0 : n], i, j))
    .map(t => before ? Math.max(0, t) : t);
  const bias = p.bias ? p.bias[o] : null, total = sum(terms) / (told.combine === "mean" ? terms.length : 1) + bias;
  return {channels, terms, bias, total, value: p.relu && !before ? Math.max(0, total) : total};
}
function term(p, x, slice, i, j, pairs) { // `pairs` collects what is multiplied, in reading order
  let total = 0;
  for (let a = 0; a < slice.length; a++) {
    for (let b = 0; b < slice[0].length; b++) {
      const [row, column] = meets(p, i, j, a, b), pixel = x[row]?.[column] ?? 0;
      total += pixel * slice[a][b];
      pairs?.push([pixel, slice[a][b]]);
    }
  }
  return total;
}

// The maps of one output channel: what each input channel that it sees gives, and their sum.
function maps(p, o, told) {
  const elements = range(p.h).map(i => range(p.w).map(j => element(p, [o, i, j], told)));
  const map = of => elements.map(row => row.map(of));
  return {terms: p.K[o].map((_, n) => map(({terms}) => terms[n])), values: map(({value}) => value)};
}

// The output places [i, j] whose window meets the pixel in row y and column x.
const reached = (p, y, x) => range(p.h).flatMap(i => range(p.w).map(j => [i, j])).filter(([i, j]) =>
  p.K[0][0].some((row, a) => row.some((_, b) => same(meets(p, i, j, a, b), [y, x]))));

// ---- Words -----------------------------------------------------------------------------------------------
// An integer in full, any other number with four significant digits.
function number(x) {
  if (!Number.isFinite(x)) return String(x).replace("Infinity", "inf").replace("NaN", "nan");
  if (Number.isInteger(x) && Math.abs(x) < 2 ** 53) return String(x);
  const power = +x.toExponential().split("e")[1];
  const [mantissa, e] = (power > -4 && power < 15 ? x.toFixed(Math.max(0, 3 - power))
    : x.toExponential(3)).split("e");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return e ? `${short}e${+e}` : short;
}
const factor = x => number(x).startsWith("-") ? `(${number(x)})` : number(x);
const exact = x => !Number.isFinite(x) || Math.abs(number(x) - x) <= 1e-6 * Math.min(Math.abs(x), 1e4);
const elide = parts => parts.length <= 9 ? parts :
  [...parts.slice(0, 3), `... ${parts.length - 5} more ...`, ...parts.slice(-2)];
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

// The arithmetic, broken as it is best read: lines of {text, about}, or {products} with the index of each.
function lines(p, [o, i, j]) {
  const {channels, terms, bias, total, value} = element(p, [o, i, j]);
  const products = channels.map(c => { const all = []; term(p, p.X[c], p.K[o][c - channels[0]], i, j, all); return all; });
  const more = bias === null ? [] : [bias], many = terms.length + more.length > 1;
  const written = products.map((all, n) => elide(all.map(([x, k], m) =>
    ({text: `${factor(x)}*${factor(k)}`, n, m}))));
  const parts = [...elide(written.map((sums, n) => ({products: sums, about: channels[n],
    wrap: many && sums.length > 1}))), ...more.map(b => ({text: factor(b), about: "bias"}))];
  const equals = [...products.flat(2), ...terms, ...more, total].every(exact) ? "=" : "≈";
  const total_of = [...elide(terms.map(factor)), ...more.map(factor)].join(" + ");
  return [...parts.map((part, n) => ({...typeof part === "string" ? {text: part, about: "more"} : part, plus: n > 0})),
    ...many ? [{text: `${equals} ${total_of}`, about: "total"}] : [],
    {text: `${equals} ${number(total)}`, about: "value"},
    ...p.relu ? [{text: `ReLU: max(0, ${number(total)}) = ${number(value)}`, about: "value"}] : []];
}

// What the wrong beliefs would make of an element, and why that is not the right number.
function verdict(told, p, at) {
  const right = number(element(p, at).value), {terms, bias, value} = element(p, at, told), maps = p.K.length * terms.length;
  const why = [told.slices === "shared" && "every channel met slice 0", told.combine === "mean" && "the channels were averaged",
    told.act === "before" && "the activation came before the sum"].filter(Boolean).join(" and ");
  const added = elide(terms.map(factor)).join(" + ");
  const total = (told.combine === "mean" ? `(${added}) / ${terms.length}` : added) + (bias === null ? "" : ` + ${factor(bias)}`);
  const makes = p.relu && told.act === "after" ? `max(0, ${total})` : total;
  const differs = number(value) === right ? "which is the same here" : `not ${right}`;
  return (why && `If ${why}: ${makes} ${[...terms, value].every(exact) ? "=" : "≈"} ${number(value)}, ${differs}. `) +
    (why && told.act === "before" && number(value) === right ? "Make one channel's map negative, and look again. " : "") +
    (told.out === "c_o" ? "" : `If every slice's map came out, there were ${p.K.length} * ${terms.length} = ${maps} maps, ` +
      `not ${p.K.length}: a layer adds the maps of each kernel into one.`);
}

// What the shapes mean.
function weight_words({X, K, bias, groups}) {
  const share = K[0].length, kernel = sides(K[0][0]), numbers = K.length * share * kernel[0] * kernel[1];
  return `${count(K.length, "output channel")}, so ${count(K.length, "kernel")}; ${K.length > 1 ? "each" : "it"} has ` +
    `${count(share, "slice")} of ${kernel.join("x")}, one for each input channel it sees: ` +
    `${[K.length, share, ...kernel].join(" * ")} = ${count(numbers, "weight")}` +
    (bias ? ` and ${K.length === 1 ? "1 bias" : `${K.length} biases`}.` : ".") +
    (groups > 1 ? ` In ${groups} groups, an output channel sees only ${share} of the ${X.length} ` +
      `input channels${share === 1 ? " (a depthwise convolution)" : ""}.` : "");
}
function size_words({X, K, stride, padding, dilation, h, w}) {
  const formulas = [h, w].map((y, d) => {
    const k = sides(K[0][0])[d], [before, after] = padding[d], border = before === after ? `2*${before}` : before + after;
    const span = dilation[d] === 1 ? k : `(${dilation[d]}*(${k} - 1) + 1)`;
    return `(${sides(X[0])[d]} + ${border} - ${span}) // ${stride[d]} + 1 = ${y}`;
  });
  return `The output has ${count(h, "row")} and ${count(w, "column")}: ${[...new Set(formulas)].join(" and ")}.`;
}
