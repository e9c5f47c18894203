// The address of a state: name:value pairs, joined by "~". Only what differs from the start is written, and
// only what the controls could reach is read: anything else makes the whole address void.
function encode(state, start, at) {
  const controls = Object.keys(start).filter(name => name !== "changes" && !same(state[name], start[name]))
    .map(name => `${name}:${[state[name]].flat(2).join(":")}`);
  return [...controls, ...Object.entries(state.changes).map(pair => pair.join(":")), `at:${at.join(":")}`].join("~");
}
function decode(text, given, start, options, fits) {
  const state = {...start, changes: {}};
  let at = [0, 0, 0];
  for (const [name, ...values] of text.split("~").map(pair => pair.split(":"))) {
    const option = Object.hasOwn(options, name)
      ? options[name].findIndex(one => same([one].flat(2).map(String), values)) : -1;
    if (option >= 0) state[name] = options[name][option];
    else if (!values.every(n => /^-?\d{1,15}(\.\d{1,6})?$/.test(n))) return null;
    else if (name === "at") at = values.map(Number);
    else if (!/^[xkbs]$/.test(name)) return null;
    else state.changes[[name, ...values.slice(0, -1)].join(":")] = +values.at(-1);
  }
  if (!fits(state)) return null;
  const p = problem(given, state), full = (given.sizes ? family(state) : given).K;
  const held = {x: p.X, k: full, b: p.bias, s: full};
  const found = key => key.split(":").reduce((inside, n, depth) => depth ? inside?.[n] : held[n], null);
  const there = key => key.startsWith("s") ? Array.isArray(found(key)?.[0]) : Number.isFinite(found(key));
  const inside = at.length === 3 && at.every((n, axis) => n >= 0 && n < [p.K.length, p.h, p.w][axis]);
  return inside && Object.keys(state.changes).every(there) ? {state, at} : null;
}
