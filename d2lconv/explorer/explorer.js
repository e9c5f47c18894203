// The drawing, and the ways in: called once with its own root, so that any number of explorers share a page.
const tag = (name, attributes, ...inside) => `<${name} ${attributes}>${inside.flat().join("")}</${name}>`;
function explorer(root, given) {
  // ---- State: `start` and `state` hold what is chosen and changed, `past` the states before. `at` is the output element
  // [o, i, j] that is shown, `open` the input channel that is unfolded, `p` the problem that all numbers come from.
  if (given.X?.bytes) given.X = unpack(given.X);
  const {sizes, stride, padding, dilation, groups} = given;
  const start = {...sizes, stride, padding, dilation, groups, bias: Boolean(given.bias), relu: false, ...RIGHT, changes: {}};
  const options = {groups: [groups], ...Object.fromEntries(given.controls.map(({name, values}) => [name, values]))};
  let state = start, at = [0, 0, 0], open = 0, past = [], p, all, asked, typing, lately;
  const sources = {}; // for each matrix on the page, where its numbers come from
  const shown = new Set(); // what a prediction has uncovered

  // ---- The page: a form, which is filled from the template beside this script.
  const page = document.createElement("form");
  const part = name => page.querySelector(name), parts = name => [...page.querySelectorAll(name)];
  page.innerHTML = root.querySelector("[type='text/html']").textContent;
  const note = text => { part(".note").textContent = text; };
  parts("[data-choices]").forEach(gap => { gap.outerHTML = given.controls.filter(({name}) =>
    gap.dataset.choices.split(" ").includes(name)).map(choice).join(""); });
  // A choice among few: radio buttons, so that the arrow keys move in it.
  function choice({name, label, texts}) {
    return tag("div", `class="choice" role="radiogroup" aria-label="${label}"`,
      tag("span", 'class="says" aria-hidden="true"', label), tag("span", 'class="options"', texts.map((text, n) =>
        tag("label", "", `<input type="radio" name="${name}" value="${n}">`, tag("span", "", text)))));
  }
  // Whether a state of the controls is a convolution.
  function fits({groups, stride, padding, dilation, ...other}) {
    const {c_i, c_o, size, k} = given.sizes ? other : {c_i: given.X.length, c_o: given.K.length};
    const [x, slice] = given.sizes ? [[size, size], [k, k]] : [sides(given.X[0]), sides(given.K[0][0])];
    return c_i % groups + c_o % groups + groups % (given.sizes ? 1 : given.groups) === 0 &&
      places(x, slice, stride, padding, dilation).every(n => n > 0);
  }
  // ---- Matrices: one under its caption. `rows` gives its numbers now; `key` names those that can be changed, `place` those
  // that can be chosen.
  function matrix(kind, caption, name, rows, {key, place, small} = {}, below = "") {
    const numbers = rows(), picture = given.pictures && !small && Math.max(...sides(numbers)) > 10;
    const role = key ? "group" : place ? "grid" : "table";
    const cell = (i, j) => key ? number_field(key(i, j))
      : place ? `class="c" role="gridcell" tabindex="-1" data-row="${i}" data-col="${j}" ${place}` : 'class="c" role="cell"';
    const cells = () => numbers.map((row, i) => tag("div", key ? 'class="cells"' : 'class="cells" role="row"',
      row.map((_, j) => tag("span", `${cell(i, j)} data-lm-suppress-shortcuts`)))); // JupyterLab's own keys
    sources[`${kind}: ${name}`] = {rows, key};
    return tag("div", `class="part ${kind} ${picture ? "picture" : ""}" data-source="${kind}: ${name}" ` +
      `style="--rows:${numbers.length};--columns:${numbers[0].length}"`,
    tag("span", 'class="cap" aria-hidden="true"', caption), picture ? canvas(name, place)
      : tag("div", `class="matrix" role="${role}" aria-label="${name}"`, cells(), '<i class="frame" aria-hidden="true"></i>'), below);
  }
  function number_field(key) { // key is null for a zero of the padding
    const [i, j] = (key ?? "").split(":").slice(-2), place = i === "b" ? "bias" : `row ${i}, column ${j}`;
    return `class="c ${key ? "" : "outside"}" role="spinbutton" tabindex="-1" inputmode="decimal" data-key="${key ?? ""}" ` +
      `contenteditable="${key ? "plaintext-only" : "false"}" aria-label="${key ? place : "padding"}"`;
  }
  // Put all numbers in their places; the one that is being typed stays as it is.
  function fill() {
    parts("button").forEach(button => { button.type = "button"; }); // which sends no form
    parts("button, input").forEach(({dataset}) => { dataset.lmSuppressShortcuts = ""; });
    const digits = {}; // cells of one kind of matrix are equally wide, and in line
    for (const box of parts("[data-source]")) {
      const {rows, key} = sources[box.dataset.source], numbers = rows(), [, kind] = box.classList;
      if (box.matches(".picture")) { paint(box, numbers); continue; }
      const all = numbers.flat(), texts = all.map(x => x === "?" ? x : number(x));
      digits[kind] = Math.max(digits[kind] ?? 1, ...texts.map(text => text.length));
      box.querySelectorAll(".c").forEach((cell, m) => {
        if (cell !== typing && cell.textContent !== texts[m]) cell.textContent = texts[m];
        if (key) [cell.dataset.value, cell.ariaValueText] = [all[m], texts[m]];
      });
    }
    for (const kind in digits) parts(`.${kind}`).forEach(box => box.style.setProperty("--digits", digits[kind]));
  }

  // Move a matrix's frame over some of its cells, and light up those that are met.
  function mark(box, first, size = [1, 1], steps = [1, 1]) {
    const across = +box.style.getPropertyValue("--columns"), spans = size.map((n, d) => (n - 1) * steps[d] + 1);
    const met = place => place.every((n, d) => n >= first[d] && n < first[d] + spans[d] && (n - first[d]) % steps[d] === 0);
    box.querySelectorAll(".c").forEach((cell, m) =>
      cell.classList.toggle("lit", met([Math.floor(m / across), m % across])));
    ["top", "left", "high", "wide"].forEach((name, n) => box.style.setProperty(`--${name}`, [...first, ...spans][n]));
  }
  // Where a box scrolls, its chosen element comes into view, and keys reach it. First all is read, then written.
  function reveal() {
    const boxes = parts(".stage .matrix").filter(box => box.scrollWidth > box.clientWidth);
    const places = boxes.map(box => box.querySelector(".lit")?.offsetLeft ?? 40);
    boxes.forEach((box, n) => Object.assign(box, {tabIndex: 0, scrollLeft: places[n] - 40}));
  }

  // ---- What is believed, and what a prediction still covers.
  const wrongly = () => Object.keys(RIGHT).some(name => state[name] !== RIGHT[name]);
  const hue = c => Number.isInteger(c) ? `hue${c % 6}` : c;
  const unit = (sign, ...inside) => tag("div", 'class="unit"', sign && tag("span", 'class="operator" aria-hidden="true"', sign), inside);
  const named = o => p.K.length === 1 ? "output" : `output ${o}`;
  const uncovered = (...key) => !given.beliefs || shown.has(key.join()) || shown.has(key.slice(0, 3).join());
  const covered = (o, map, ...n) => map.map((row, i) => row.map((x, j) => uncovered(o, i, j, ...n) ? x : "?"));
  const beliefs = () => all ??= p.K.map((_, o) => {
    const right = maps(p, o);
    return {right, wrong: wrongly() ? maps(p, o, state) : right};
  });

  // ---- Drawing: a state makes outputs, inputs and weight; a choice among the outputs makes inputs and words.
  // Draw a state anew; the chosen element stays where it is, if it is still there.
  function draw(change = {}) {
    state = {...state, ...change};
    asked = typing = undefined; // they may be gone
    state.groups = options.groups.findLast(groups => groups <= state.groups && fits({...state, groups})) ?? state.groups;
    renew();
    at = at.map((n, axis) => n < p.shape[axis] ? n : 0);
    drawOutputs();
    drawWeight();
    for (const input of parts("[type=radio]")) {
      const value = options[input.name][input.value];
      input.checked = same(state[input.name], value);
      input.disabled = !["c_i", "c_o"].includes(input.name) && !fits({...state, [input.name]: value});
    }
    [part(".size").textContent, part(".count").textContent] = [size_words(p), weight_words(p)];
    choose(at, true);
  }
  function renew() {
    [p, all] = [problem(given, state), null];
    shown.clear();
  }
  function drawOutputs() {
    const right = p.K.map((_, o) => matrix("y-map", named(o), `${named(o)}, choose a number`,
      () => covered(o, beliefs()[o].right.values), {place: `data-channel="${o}"`}));
    const wrong = () => state.out === "c_o" ? matrix("wrong", "wrong", "The output, by the wrong belief",
      () => covered(at[0], beliefs()[at[0]].wrong.values)) : p.K[0].map((_, n) => matrix("wrong", `map ${n}`,
      `Wrong map ${n}`, () => covered(at[0], beliefs()[at[0]].wrong.terms[n])));
    part(".result").innerHTML = unit("=", tag("div", 'class="maps"', right)) +
      (wrongly() ? unit("&ne;", tag("div", 'class="maps"', wrong())) : "");
  }

  // What belongs to one output channel: its kernel, and what each input channel gives before the sum.
  function drawInputs() {
    const [o] = at, channels = p.K[o].map((_, n) => p.first(o) + n), [[top, bottom], [left, right]] = p.padding;
    const [high, wide] = sides(p.X[0]), rows = high + top + bottom, columns = wide + left + right;
    const pictures = given.pictures && Math.max(rows, columns) > 10, room = root.clientWidth < 520 ? 6 : 12;
    const folds = channels.length > 1 && channels.length * (pictures ? 4 : rows) > room;
    if (!channels.includes(open)) [open] = channels;
    const band = (c, n) => n < 0 ? tag("p", 'class="band line"', `<b>channel ${c}</b> not seen by ${named(o)}`)
      : folds && c !== open ? tag("button", `class="band line seen ${hue(c)}" data-do="open:${c}"`,
        `<b>channel ${c}</b> gives <b class="term" data-n="${n}"></b>`)
        : tag("div", `class="band seen ${hue(c)}" role="group" aria-label="channel ${c}"`, image(c), slice(n), map(c, n));
    const pixels = (kind, caption, c, high, wide, where) => matrix(kind, caption, `${kind} ${c}`, () =>
      range(high).map(i => range(wide).map(j => { const [y, x] = where(i, j); return p.X[c][y]?.[x] ?? 0; })),
    {small: kind === "window", key: (i, j) => {
      const [y, x] = where(i, j);
      return p.X[c][y]?.[x] === undefined ? null : `x:${c}:${y}:${x}`;
    }});
    const image = c => unit("", pixels("channel", `<b>channel ${c}</b>`, c, rows, columns, (i, j) => [i - top, j - left]),
      pictures ? pixels("window", "window", c, ...sides(p.K[o][0]), (a, b) => meets(p, at[1], at[2], a, b)) : "");
    const slice = n => {
      const wrong = state.slices === "shared" && n > 0, key = `${o}:${p.slot(o, n)}`;
      return unit(STAR, matrix(`k-map ${wrong ? "wrong" : ""}`, wrong ? `K[${o}, 0] again` : `slice K[${o}, ${n}]`,
        `slice ${n} of kernel ${o}`, () => p.K[o][wrong ? 0 : n], wrong ? {} : {key: (a, b) => `k:${key}:${a}:${b}`},
        given.pictures ? `<input type="range" class="strength" min="-2" max="2" step="0.25" data-key="s:${key}" ` +
          `aria-label="strength of slice ${n}">` : ""));
    };
    const map = (c, n) => unit("=", matrix(`sum-map ${state.slices === "shared" && n > 0 ? "wrong" : ""}`,
      `channel ${c}'s map`, `channel ${c}'s map`, () => covered(o, beliefs()[o].wrong.terms[n], n),
      given.beliefs ? {place: `data-n="${n}"`} : {}));
    part(".inputs").innerHTML = p.X.map((_, c) => band(c, channels.indexOf(c))).join("") + (p.bias ?
      tag("div", 'class="band line seen bias"', matrix("bias", `bias of ${named(o)}`, `bias of ${named(o)}`,
        () => [[p.bias[o]]], {key: () => `b:${o}`})) : "");
    part(".stage").classList.toggle("pictures", pictures);
    part(".stage").style.setProperty("--across", columns + p.K[0][0][0].length + p.w);
    parts(".strength").forEach(input => { input.value = state.changes[input.dataset.key] ?? 1; });
  }

  // The whole weight: a row of slices for each output channel, a column for each input channel.
  function drawWeight() {
    part(".slices").replaceChildren();
    if (part(".weight").hidden) return;
    const slice = (o, c) => tag("td", `class="${hue(c)}"`, p.K[o][c - p.first(o)]
      ? matrix("w-map", "", `slice ${c} of kernel ${o}`, () => p.K[o][c - p.first(o)]) : "");
    const head = p.X.map((_, c) => tag("th", `scope="col" class="${hue(c)}"`, `channel ${c}`));
    part(".slices").innerHTML = tag("table", "", tag("tr", "", "<td></td>", head), p.K.map((_, o) => tag("tr", `data-kernel="${o}"`,
      tag("th", 'scope="row"', tag("button", `data-do="kernel:${o}"`, named(o))), p.X.map((_, c) => slice(o, c)))));
  }

  // Show where one output element comes from.
  function choose(to, anew = to[0] !== at[0]) {
    at = to;
    if (anew) drawInputs();
    refresh();
  }
  // Write what depends on the numbers and on the choice; the matrices stay.
  function refresh() {
    const [o, i, j] = at, terms = element(p, at, state).terms;
    fill();
    parts(".inputs .matrix").map(box => box.querySelector("[contenteditable=plaintext-only], [data-n]"))
      .forEach(cell => { if (cell) cell.tabIndex = 0; }); // one stop of the Tab key
    parts(".seen .channel").forEach(box => mark(box, [i * p.stride[0], j * p.stride[1]], sides(p.K[o][0]), p.dilation));
    parts(".sum-map, .result .part").forEach(box => mark(box, [i, j]));
    parts(".y-map").forEach((box, n) => box.classList.toggle("chosen", n === o));
    parts("[data-kernel]").forEach((row, n) => row.classList.toggle("chosen", n === o));
    parts(".term").forEach(({dataset: {n}}, m, cells) => { cells[m].textContent = uncovered(...at, n) ? number(terms[n]) : "?"; });
    for (const cell of parts("[data-row][data-channel]")) {
      const here = same(place(cell).slice(1), [i, j]);
      cell.tabIndex = here ? 0 : -1; // the Tab key stops once at each output channel
      cell.setAttribute("aria-selected", here && +cell.dataset.channel === o);
    }
    part("[data-do=undo]").disabled = !past.length;
    speak();
    reveal();
  }
  function speak() {
    const [o, i, j] = at, open = uncovered(...at), right = element(p, at), where = `row ${i}, column ${j}`;
    part(".where").innerHTML = `<b>${open ? number(right.value) : "?"}</b> in ${named(o)}, ${where}`;
    part(".lines").innerHTML = open ? lines(p, at).map(line).join(" ") : "";
    part(".verdict").textContent = !open ? "First predict the number."
      : wrongly() ? verdict(state, p, at) : "This is what a layer does. Change one, and see which number differs.";
    part(".verdict").classList.toggle("bad", wrongly());
    part(".answer").hidden = uncovered(...at, asked);
    part(".question").textContent = asked === undefined ? `What is ${p.K.length > 1 ? "" : "the "}${named(o)} at ${where}?`
      : `What is channel ${p.first(o) + asked}'s map at ${where}?`;
  }
  // A line of the arithmetic as HTML; a product knows which slice (n) and which of its numbers (m) it has.
  const line = ({text, products, about, wrap, plus}) => tag("span", `class="line ${hue(about)}" ` +
    (about === "bias" ? 'data-about="bias"' : products?.length < 7 ? `data-about="channel ${about}"` : ""),
    plus ? "+ " : "", wrap ? "(" : "",
  products ? products.map(one => one.text ? tag("span", `class="product" data-n="${one.n}" data-m="${one.m}"`, one.text)
    : one).join(" + ") : text, wrap ? ")" : "");

  // ---- Links: what is pointed at, and what belongs to it ----
  function factors({dataset: {n, m}}) { // the keys of a product's two factors
    const [o, i, j] = at, across = p.K[o][n][0].length, [a, b] = [Math.floor(m / across), m % across];
    const [y, x] = meets(p, i, j, a, b);
    return [`x:${p.first(o) + +n}:${y}:${x}`, `k:${o}:${p.slot(o, +n)}:${a}:${b}`];
  }
  function point(target) {
    const key = target.closest("[data-key]")?.dataset.key, product = target.closest(".product");
    const products = parts(".product").filter(one => one === product || key && factors(one).includes(key));
    const pixel = key?.startsWith("x"), [, c, y, x] = (key ?? "").split(":").map(Number);
    const keys = pixel ? [key] : [key, ...products.flatMap(factors)], places = pixel ? reached(p, y, x).map(String) : [];
    const sees = o => c >= p.first(o) && c < p.first(o) + p.K[o].length;
    for (const cell of parts("[data-key], [data-row], .product")) {
      const {key, row, col, channel} = cell.dataset;
      cell.classList.toggle("linked", products.includes(cell) || Boolean(key) && keys.includes(key) ||
        places.includes(`${row},${col}`) && sees(channel ?? at[0]));
    }
    if (pixel) note(`This pixel reaches ${count(places.length, "number")} of each output that sees channel ${c}.`);
  }

  // ---- Changes: a number is typed, dragged, wheeled or moved by the arrow keys.
  function remember(gesture) { // one step of undo for each gesture, however many events it has
    if (!gesture || gesture !== lately) past = [...past, state].slice(-200);
    lately = gesture;
  }
  function change(key, value, gesture) {
    if (!key || !Number.isFinite(value)) return;
    remember(gesture);
    state = {...state, changes: {...state.changes, [key]: +value.toFixed(6)}};
    renew();
    refresh();
  }
  // A number as people type it, with a hyphen or a minus sign.
  const read = text => /^\s*[-+\u2212]?(\d{1,9}\.?\d*|\.\d+)\s*$/.test(text) ? +text.replace("\u2212", "-") : NaN;
  function typed(cell) {
    const value = read(cell.textContent), refused = Number.isNaN(value);
    typing = cell;
    cell.ariaInvalid = refused;
    note(refused ? `"${cell.textContent}" is not a number: nothing was changed.` : "");
    change(cell.dataset.key, value, cell);
  }
  function leave() {
    lately = null;
    if (!typing) return;
    typing.ariaInvalid = false;
    typing = null;
    fill();
  }
  const select = cell => getSelection().selectAllChildren(cell);

  // ---- Predictions: what is heard is compared with what is right, and with what each misconception would give.
  function answer(given_up = false) {
    const input = part("[name=answer]"), value = read(input.value), [o, i, j] = at;
    const [about, place] = asked === undefined ? [p, at] : [alone(p, o, asked), [0, i, j]];
    const right = number(element(about, place).value), heard = number(value);
    if (input.ariaInvalid = !given_up && Number.isNaN(value)) return note(`"${input.value}" is not a number.`);
    const {name, hint} = misconception(given.beliefs, about, place, value) ?? {name: "no", hint: "Compare the products."};
    shown.add(asked === undefined ? at.join() : `${at},${asked}`);
    input.value = "";
    refresh();
    return note(given_up ? `It is ${right}.` : heard === right ? `${heard}: right.` : `${heard}: ${name}. ${hint} It is ${right}.`);
  }

  // ---- The ways in: what is pointed at is chosen; buttons name in data-do what they do.
  const place = cell => ["channel", "row", "col"].map(name => +(cell.dataset[name] ?? at[0]));
  function chosen({target, clientX, clientY}) {
    const picture = target.closest(".picture:not(.k-map, .w-map)"), cell = target.closest("[data-row]");
    if (!cell && !(picture && clientX)) return;
    const n = parts(".y-map").indexOf(picture);
    const to = cell ? place(cell) : [n < 0 ? at[0] : n, ...carried(picture, clientX, clientY, p)];
    asked = cell?.dataset.n && +cell.dataset.n;
    if (!same(to, at)) note("");
    choose(to);
  }
  const meet = event => { chosen(event); point(event.target); };
  const does = {
    check: () => answer(), tell: () => answer(true), copy, kernel: o => choose([+o, at[1], at[2]]),
    undo: () => { state = past.pop(); lately = null; draw(); },
    reset: () => { remember(); state = start; draw(); note("As it was at the start."); },
    open: c => { open = +c; drawInputs(); refresh(); part(`[aria-label="channel ${c}"] .c`)?.focus(); },
    panel: (name, toggle) => {
      toggle.ariaExpanded = String(!(part(`.${name}.panel`).hidden ^= true));
      drawWeight();
      refresh();
    },
  };
  page.ondragstart = () => false; // numbers are dragged, not their text
  page.onsubmit = () => { if (document.activeElement.name === "answer") answer(); return false; };
  page.onpointermove = event => { if (event.target.closest(".picture")) chosen(event); };
  page.onpointerover = event => { if (event.pointerType === "mouse") meet(event); };
  page.addEventListener("focusin", event => {
    if (event.target.isContentEditable) select(event.target);
    meet(event);
  });
  page.addEventListener("focusout", leave);
  page.oninput = ({target}) => target.isContentEditable ? typed(target)
    : target.matches(".strength") && change(target.dataset.key, +target.value, target);
  page.onchange = ({target: {name, value}}) => {
    if (!options[name]) return;
    remember();
    draw({[name]: options[name][value]});
  };
  page.onclick = event => {
    const pressed = event.target.closest("[data-do]"), [name, about] = pressed?.dataset.do.split(":") ?? [];
    return name ? does[name](about, pressed) : meet(event);
  };
  page.onkeydown = event => {
    const {target, key} = event, by = {ArrowUp: 1, ArrowDown: -1, ArrowLeft: -1, ArrowRight: 1}[key];
    const used = () => { event.preventDefault(); event.stopPropagation(); };
    if (!/^(Page|F\d|Escape|Tab)/.test(key)) event.stopPropagation(); // a deck keeps its keys
    if ((event.ctrlKey || event.metaKey) && key === "z" && past.length) { used(); leave(); return does.undo(); }
    if (target.isContentEditable) {
      const upright = /Up|Down/.test(key);
      if (!/Enter|Escape/.test(key) && !(by && (upright || typing !== target))) return null;
      used();
      leave();
      if (upright) change(target.dataset.key, +target.dataset.value + by * (event.shiftKey ? 10 : 1));
      const cells = [...target.closest(".matrix").querySelectorAll("[contenteditable=plaintext-only]")];
      return by && !upright ? cells[cells.indexOf(target) + by]?.focus() : select(target);
    }
    if (!target.matches("[data-row], .pick")) return null;
    const [o, i, j] = target.dataset.row ? place(target) : [+target.dataset.channel, at[1], at[2]];
    const [y, x] = {ArrowUp: [i - 1, j], ArrowDown: [i + 1, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1],
      Home: [i, 0], End: [i, p.w - 1]}[key] ?? [];
    if (y === undefined) return null;
    used();
    if (target.dataset.row) return target.closest(".matrix").querySelector(`[data-row="${y}"][data-col="${x}"]`)?.focus();
    return y in range(p.h) && x in range(p.w) && choose([o, y, x]);
  };
  page.onwheel = event => { // only on the number that has the focus: elsewhere the page scrolls
    const {isContentEditable: open, dataset: {key, value}} = event.target;
    if (!open || event.target !== document.activeElement) return;
    event.preventDefault();
    change(key, +value - Math.sign(event.deltaY), `wheel ${key}`);
  };
  page.onpointerdown = ({target, clientX, pointerId}) => { // dragging to the right makes a number larger
    const {key, value} = target.dataset, gesture = {};
    target.onpointermove = move => {
      const by = Math.trunc((move.clientX - clientX) / 10);
      if (!target.isContentEditable || !move.buttons || +value + by === +target.dataset.value) return;
      target.setPointerCapture(pointerId);
      getSelection().removeAllRanges();
      change(key, +value + by, gesture);
    };
  };

  // ---- The address: a link holds a state, on the site alone.
  const on_site = /^http/.test(location.protocol) && window === top && !root.closest(".reveal, [class*=jp-]");
  const mine = () => [...document.querySelectorAll(".d2lconv-explorer")].indexOf(root) + 1;
  async function copy() {
    const link = `${location.href.split("#")[0]}#explore=${mine()}~${encode(p, state, start, at)}`;
    const copied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    part(".link").textContent = copied ? "Copied." : link;
  }
  function arrive() {
    const [, n = "1", text] = location.hash.match(/^#explore=(?:(\d+)~)?(.*)$/) ?? [];
    if (text === undefined || +n !== mine()) return;
    const found = decode(text, given, start, options, fits);
    ({state, at} = found ?? {state: start, at: [0, 0, 0]});
    past = [];
    draw();
    if (!found) note("This link holds no state of this figure: here is its start.");
    root.scrollIntoView({block: "center"});
  }

  root.querySelector(".fallback").replaceWith(page);
  draw();
  note("Point at any number. Those of the channels and slices can be changed.");
  if (on_site) { arrive(); addEventListener("hashchange", arrive); } else part("[data-do=copy]").remove();
  root.explorer = {draw, wrong: (name, at) => wrong_numbers(name, p, at)}; // for the tests
}
