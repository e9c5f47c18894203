// The address of a state: name:value pairs, joined by "~". Only what differs from the start and is shown is written,
// and only what the controls could reach is read: anything else makes the whole address void.
function encode(p, state, start, at) {
  const controls = Object.keys(start).filter(name => name !== "changes" && !same(state[name], start[name]))
    .map(name => `${name}:${[state[name]].flat(2).join(":")}`);
  const changes = Object.entries(state.changes).filter(([key]) => holds(p, key)).map(pair => pair.join(":"));
  return [...controls, ...changes, `at:${at.join(":")}`].join("~");
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
  const p = problem(given, state), inside = at.length === 3 && at.every((n, axis) => n in range(p.shape[axis]));
  return inside && Object.keys(state.changes).every(key => holds(p, key)) ? {state, at} : null;
}
// Whether a problem has the number that this key is of.
function holds({X, full, bias}, key) {
  const [name, ...places] = key.split(":");
  const held = {x: X, k: full, b: bias, s: full.map(kernel => kernel.map(() => 1))}[name];
  return typeof places.reduce((inside, n) => inside?.[n], held) === "number";
}
