// One explorer: first the numbers (pure functions: a copy of d2lconv.conv and d2lconv.arithmetic that
// the tests compare with torch), then their drawing. It is called once with its own root, so that any
// number of explorers can share a page.
function explorer(root, given) {
  "use strict";

  // ---- Numbers -------------------------------------------------------------------------------
  const range = n => Array.from({length: n}, (_, i) => i);
  const sum = numbers => numbers.reduce((a, b) => a + b, 0);

  // The classic family, in any size.
  const family = ({c_i, c_o, k, size, groups}) => ({
    X: range(c_i).map(c => range(size).map(i => range(size).map(j => size * i + j + c))),
    K: range(c_o).map(o => range(c_i / groups).map(c =>
      range(k).map(a => range(k).map(b => k * a + b + c + o)))),
    bias: null,
  });

  // X, K and bias for a state of the controls. A kernel that was given for fewer groups than are
  // chosen keeps the slices of its own group.
  function problem(state) {
    const {stride, padding, groups} = state;
    const {X, K: full, bias} = given.sizes ? family(state) : given;
    const share = X.length / groups, held = full[0].length;
    const first = (o, n) => Math.floor(o * (X.length / n) / full.length) * n;
    const K = full.map((kernel, o) => kernel.slice(first(o, share) - first(o, held)).slice(0, share));
    const steps = (x, k) => Math.floor((x + 2 * padding - k) / stride) + 1;
    return {X, K, bias, stride, padding, groups, first: o => first(o, share),
      h: steps(X[0].length, K[0][0].length), w: steps(X[0][0].length, K[0][0][0].length)};
  }

  // One output element: what each input channel that it sees contributes, and the sum. The two wrong
  // beliefs: "mean" divides by the number of channels, "shared" takes slice 0 for every channel.
  function element({X, K, bias, stride, padding, first}, [o, i, j], belief = "sum") {
    const channels = K[o].map((_, n) => first(o) + n);
    const slices = K[o].map(slice => belief === "shared" ? K[o][0] : slice);
    const products = slices.map((slice, n) => slice.flatMap((row, a) => row.map((k, b) =>
      [X[channels[n]][i * stride + a - padding]?.[j * stride + b - padding] ?? 0, k])));
    const terms = products.map(pairs => sum(pairs.map(([x, k]) => x * k)));
    const b = bias ? bias[o] : null;
    return {channels, slices, products, terms, bias: b,
      value: sum(terms) / (belief === "mean" ? terms.length : 1) + b};
  }

  // All output numbers: [channel][row][column].
  const output = (p, belief) => p.K.map((_, o) =>
    range(p.h).map(i => range(p.w).map(j => element(p, [o, i, j], belief).value)));

  // ---- Words ---------------------------------------------------------------------------------
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
  const exact = x => !Number.isFinite(x) || Math.abs(number(x) - x) <= 1e-6 * Math.abs(x);
  const elide = parts => parts.length <= 9 ? parts :
    [...parts.slice(0, 3), `... ${parts.length - 5} more ...`, ...parts.slice(-2)];
  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

  // The arithmetic, broken as it is best read: for each line its text, and which channel it is about.
  function lines({channels, products, terms, bias, value}) {
    const more = bias === null ? [] : [bias];
    const alone = terms.length + more.length === 1;
    const sums = products.map(pairs => elide(pairs.map(([x, k]) => `${factor(x)}*${factor(k)}`)).join(" + "))
      .map(text => alone || !text.includes(" + ") ? text : `(${text})`);
    const about = elide(channels).map(c => Number.isInteger(c) ? c : "more");
    const parts = [...elide(sums).map((text, n) => [text, about[n]]), ...more.map(b => [factor(b), "bias"])];
    const equals = [...products.flat(2), ...terms, ...more, value].every(exact) ? "=" : "≈";
    const total = [...elide(terms.map(factor)), ...more.map(factor)].join(" + ");
    return [...parts.map(([text, c], n) => [n ? `+ ${text}` : text, c]),
      ...alone ? [] : [[`${equals} ${total}`, "total"]], [`${equals} ${number(value)}`, "value"]];
  }

  // What a wrong belief would make of an element.
  function verdict(belief, {terms, bias, value}, right) {
    const added = elide(terms.map(factor)).join(" + ");
    const makes = (belief === "mean" ? `(${added}) / ${terms.length}` : added) +
      (bias === null ? "" : ` + ${factor(bias)}`);
    const equals = [...terms, value].every(exact) ? "=" : "≈";
    return (belief === "mean" ? "If the channels were averaged: " : "If every channel met slice 0: ") +
      `${makes} ${equals} ${number(value)}, ` +
      (number(value) === number(right) ? "which is the same here." : `not ${number(right)}.`);
  }

  // What the shapes mean.
  function summary({X, K, bias, stride, padding, groups, h, w}) {
    const [c_o, share, k_h, k_w] = [K.length, K[0].length, K[0][0].length, K[0][0][0].length];
    return `${count(c_o, "output channel")}, so ${count(c_o, "kernel")}; ${c_o > 1 ? "each has" : "it has"} ` +
      `${count(share, "slice")} of ${k_h}x${k_w}, one for each input channel it sees: ` +
      `${c_o} * ${share} * ${k_h} * ${k_w} = ${count(c_o * share * k_h * k_w, "weight")}` +
      (bias ? ` and ${c_o === 1 ? "1 bias" : `${c_o} biases`}.` : ".") +
      (groups > 1 ? ` In ${groups} groups, an output channel sees only ${share} of the ${X.length} ` +
        `input channels${share === 1 ? " (a depthwise convolution)" : ""}.` : "") +
      ` The output has ${count(h, "row")} and ${count(w, "column")}: ` +
      [...new Set([[X[0].length, k_h, h], [X[0][0].length, k_w, w]].map(([x, k, y]) =>
        `(${x} + 2*${padding} - ${k}) // ${stride} + 1 = ${y}`))].join(" and ") + ".";
  }

  // ---- Drawing -------------------------------------------------------------------------------
  const tag = (name, attributes, ...inside) => `<${name} ${attributes}>${inside.flat().join("")}</${name}>`;

  // A matrix of numbers under its caption, with a frame that `mark` moves.
  const matrix = (kind, caption, rows, name = caption, role = "table", cell = () => 'role="cell"') =>
    tag("div", `class="part ${kind}"`, tag("span", 'class="cap" aria-hidden="true"', caption),
      tag("div", `class="matrix" role="${role}" aria-label="${name}" style="--digits:` +
        `${Math.max(...rows.flat().map(x => number(x).length))}"`,
      rows.map((row, i) => tag("div", 'role="row"', row.map((x, j) => tag("span", cell(i, j), number(x))))),
      '<i class="frame" aria-hidden="true"></i>'));

  // Move a matrix's frame over some of its cells, and light them up.
  function mark(part, top, left, rows, columns) {
    [...part.querySelectorAll("[role=row]")].forEach((row, i) => [...row.children].forEach((cell, j) =>
      cell.classList.toggle("lit", i >= top && i < top + rows && j >= left && j < left + columns)));
    Object.entries({top, left, rows, columns}).forEach(([name, n]) => part.style.setProperty(`--${name}`, n));
    const wide = part.querySelector(".matrix[tabindex]");
    if (wide) wide.scrollLeft = wide.querySelector(".lit").offsetLeft - 40;
  }

  const hue = c => Number.isInteger(c) ? `hue${c % 4}` : c;
  const operator = sign => tag("span", 'class="operator" aria-hidden="true"', sign);

  // A choice among few: radio buttons, so that the arrow keys move in it.
  const choice = (name, label, options, hint = "") => tag("div", `class="choice ${name}" role="radiogroup" ` +
    `aria-label="${label}${hint && `, ${hint}`}"`,
  tag("span", 'class="says" aria-hidden="true"', label, hint && tag("i", "", hint)),
  tag("span", 'class="options"', options.map(([value, text]) => tag("label", "",
    `<input type="radio" name="${name}" value="${value}">`, tag("span", "", text)))));

  const {sizes} = given;
  const withGiven = (n, ...usual) => [...new Set([...usual, n])].sort((a, b) => a - b);
  const ranges = {
    ...sizes && {c_i: [1, 2, 3, 4], c_o: [1, 2, 3, 4]},
    groups: range(sizes ? 4 : given.X.length).map(g => g + 1),
    ...sizes && {k: [1, 2, 3], size: [3, 4, 5]},
    stride: withGiven(given.stride, 1, 2, 3), padding: withGiven(given.padding, 0, 1, 2),
  };
  if (!sizes) ranges.groups = ranges.groups.filter(groups => fits({...given, groups}));
  const labels = {c_i: "input channels", c_o: "output channels", k: "kernel", size: "image", stride: "stride",
    padding: "padding", groups: "groups"};

  // Whether a state of the controls is a convolution.
  function fits({padding, groups, ...state}) {
    const {X, K} = given;
    const [c_i, c_o] = sizes ? [state.c_i, state.c_o] : [X.length, K.length];
    const room = sizes ? 0 : Math.min(X[0].length - K[0][0].length, X[0][0].length - K[0][0][0].length);
    return c_i % groups + c_o % groups + groups % (sizes ? 1 : given.groups) === 0 && room + 2 * padding >= 0;
  }

  const page = document.createElement("form");
  page.onsubmit = () => false;
  page.innerHTML = tag("p", 'class="ask"', "Choose any number of the output, to see where it comes from.") +
    tag("div", 'class="stage"', tag("div", 'class="inputs"'),
    tag("div", 'class="result"', tag("div", 'class="outputs"'), tag("div", 'class="instead"'))) +
    tag("div", 'class="words" role="status"') +
    tag("div", 'class="player"', tag("button", 'type="button" class="play"', ""),
      tag("button", 'type="button" class="back"', "Back"), tag("button", 'type="button" class="step"', "Step"),
      choice("channel", "output channel", range(sizes ? 4 : given.K.length).map(o => [o, o]))) +
    tag("div", 'class="beliefs"', choice("belief", "How are the channels combined?",
      [["sum", "sum"], ["mean", "mean?"], ["shared", "shared kernel?"]]),
    tag("p", 'class="verdict" aria-live="polite"')) +
    tag("p", 'class="summary"') +
    tag("div", 'class="controls"', Object.entries(ranges).filter(([, options]) => options.length > 1)
      .map(([name, options]) => choice(name, labels[name],
        options.map(n => [n, name === "k" || name === "size" ? `${n}x${n}` : n]),
        name === "groups" ? "must divide both channel counts" : "")));
  const part = name => page.querySelector(name), parts = name => [...page.querySelectorAll(name)];

  let state = {...sizes, stride: given.stride, padding: given.padding, groups: given.groups};
  let p, at = [0, 0, 0], belief = "sum", timer;

  // Draw a problem anew; the chosen element stays where it is, if it is still there.
  function draw(change = {}) {
    state = {...state, ...change};
    const fitting = ranges.groups.filter(groups => groups <= state.groups && fits({...state, groups}));
    state.groups = fitting[fitting.length - 1];
    p = problem(state);
    part(".outputs").innerHTML = operator("=") + tag("div", 'class="maps"', output(p).map((map, o) => matrix(
      "y-map", `output channel ${o}`, map, `Output channel ${o}, choose a number`, "grid",
      (i, j) => `role="gridcell" data-channel="${o}" data-row="${i}" data-col="${j}"`)));
    part(".summary").textContent = summary(p);
    for (const input of parts("input")) {
      const {name} = input, n = +input.value;
      if (name in state) input.checked = state[name] === n;
      if (["groups", "padding"].includes(name)) input.disabled = !fits({...state, [name]: n});
      if (name === "channel") input.parentElement.hidden = n >= p.K.length;
      if (name === "belief") input.checked = input.value === belief;
    }
    part(".channel").hidden = p.K.length === 1;
    choose(at.map((n, axis) => n < [p.K.length, p.h, p.w][axis] ? n : 0), true);
  }

  // Show where one output element comes from.
  function choose([o, i, j], anew = o !== at[0]) {
    at = [o, i, j];
    const right = element(p, at), told = element(p, at, belief), [slice] = p.K[o];
    if (anew) drawChannel(o, told);
    parts(".seen .x-map").forEach(input =>
      mark(input, i * p.stride, j * p.stride, slice.length, slice[0].length));
    parts(".sum-map, .instead .part").forEach(map => mark(map, i, j, 1, 1));
    parts(".term").forEach((term, n) => { term.textContent = number(told.terms[n]); });
    for (const cell of parts("[data-channel]")) {
      const [channel, row, col] = place(cell), here = row === i && col === j;
      cell.tabIndex = here ? 0 : -1; // the Tab key stops once at each output channel
      cell.setAttribute("aria-selected", here && channel === o);
    }
    part(`[name=channel][value="${o}"]`).checked = true;
    part(".words").innerHTML =
      tag("p", 'class="where"', `<b>${number(right.value)}</b> in output channel ${o}, row ${i}, column ${j}`) +
      tag("p", 'class="lines"', lines(right).map(([text, about]) => tag("span", `class="line ${hue(about)}" ` +
        `data-about="${Number.isInteger(about) ? `channel ${about}` : about === "bias" ? "bias" : ""}"`,
      text.replace(/\S*\*\S*/g, "<span>$&</span>"))).join(" "));
    part(".verdict").textContent = belief === "sum"
      ? "Each channel meets its own slice, and the results are added. Compare two wrong guesses."
      : verdict(belief, told, right.value);
    part(".verdict").classList.toggle("bad", belief !== "sum");
  }

  // Draw what belongs to one output channel: its kernel, and what each input channel gives before the sum.
  function drawChannel(o, {channels, slices}) {
    const {X, padding, bias, h, w} = p, shared = belief === "shared";
    const terms = range(h).map(i => range(w).map(j => element(p, [o, i, j], belief).terms));
    const chain = n => {
      const wrong = shared && n > 0, slice = wrong ? 0 : n;
      return tag("div", 'class="unit"', operator("&lowast;"), matrix(`k-map ${wrong ? "wrong" : ""}`,
        `kernel ${o}<br>slice ${slice}${wrong ? " again" : ""}`, slices[n], `Kernel ${o}, slice ${slice}`)) +
      tag("div", 'class="unit"', operator("="), matrix(`sum-map ${wrong ? "wrong" : ""}`,
        "sums", terms.map(row => row.map(all => all[n])), `What input channel ${channels[n]} gives`));
    };
    part(".inputs").innerHTML = X.map((x, c) => {
      const n = channels.indexOf(c), seen = n >= 0, ring = seen ? padding : 0;
      const rows = range(x.length + 2 * ring).map(i => range(x[0].length + 2 * ring).map(j =>
        x[i - ring]?.[j - ring] ?? null));
      const gives = seen ? `${shared && n ? "would give" : "gives"} <b class="term"></b>`
        : `not seen by output channel ${o}`;
      return tag("div", `class="band ${seen ? "seen" : ""} ${hue(c)}" role="group" ` +
        `aria-label="Input channel ${c}"`,
        tag("p", 'class="head"', `<b>Input channel ${c}</b> <span>${gives}</span>`),
        tag("div", 'class="chain"', matrix("x-map", "input", rows.map(row => row.map(x => x ?? 0)),
          `Input channel ${c}${ring ? ", padded" : ""}`, "table",
          (i, j) => `role="cell"${rows[i][j] === null ? ' class="outside"' : ""}`), seen ? chain(n) : ""));
    }).join("") + (bias ? tag("p", 'class="band seen head"', `<b>Bias of output channel ${o}</b> ` +
      `<span>adds <b>${number(bias[o])}</b></span>`) : "");
    part(".instead").innerHTML = belief === "sum" ? "" : operator("&ne;") + matrix("wrong",
      belief === "mean" ? "if averaged" : "if shared", output(p, belief)[o],
      `Output channel ${o}, by the wrong guess`);
    part(".stage").style.setProperty("--across", X[0][0].length + 2 * padding + slices[0][0].length + w);
    parts("[role=table]").filter(matrix => matrix.scrollWidth > matrix.clientWidth)
      .forEach(matrix => { matrix.tabIndex = 0; }); // so that the keyboard can scroll it
  }

  // ---- Ways in -------------------------------------------------------------------------------
  const find = ([o, i, j]) => part(`[data-channel="${o}"][data-row="${i}"][data-col="${j}"]`);
  const place = cell => ["channel", "row", "col"].map(name => +cell.dataset[name]);

  function play(on) {
    clearInterval(timer);
    timer = on && setInterval(() => root.isConnected ? step(1) : play(false), 1200);
    part(".play").innerHTML = on ? "&#10074;&#10074; Pause" : "&#9654;&#xFE0E; Play";
    part(".words").setAttribute("aria-live", on ? "off" : "polite");
  }
  function step(by) {
    const all = p.K.length * p.h * p.w, n = ((at[0] * p.h + at[1]) * p.w + at[2] + by + all) % all;
    choose([Math.floor(n / p.w / p.h), Math.floor(n / p.w) % p.h, n % p.w]);
  }
  const chosen = ({target}) => {
    const cell = target.closest("[data-channel]");
    if (cell) choose(place(cell));
    return cell;
  };
  page.onpointerover = event => timer || event.pointerType !== "mouse" || chosen(event);
  page.addEventListener("focusin", event => chosen(event) && play(false));
  page.onclick = event => {
    if (chosen(event)) play(false);
    const {classList} = event.target;
    if (classList.contains("play")) play(!timer);
    for (const [name, by] of [["back", -1], ["step", 1]]) {
      if (classList.contains(name)) { play(false); step(by); }
    }
  };
  page.onkeydown = event => {
    const cell = event.target.closest("[data-channel]");
    if (!cell) return;
    const [o, i, j] = place(cell);
    const to = {ArrowUp: [o, i - 1, j], ArrowDown: [o, i + 1, j], ArrowLeft: [o, i, j - 1],
      ArrowRight: [o, i, j + 1], Home: [o, i, 0], End: [o, i, p.w - 1]}[event.key];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    find(to)?.focus();
  };
  page.onchange = ({target: {name, value}}) => {
    if (name === "channel") return choose([+value, at[1], at[2]]);
    if (name === "belief") belief = value;
    return draw(name === "belief" ? {} : {[name]: +value});
  };

  root.querySelector(".fallback").replaceWith(page);
  play(false);
  draw();
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab must not take the arrow keys
  root.explorer = {draw}; // for the tests
}
