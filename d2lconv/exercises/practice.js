// Endless questions: each is asked with other numbers every time. Which beliefs the reader still holds is kept
// in this page alone, and forgotten with it.
function practice(root, data, question) {
  const {beliefs, questions} = data, held = new Set(), left = new Set();
  const mixed = items => items.map(item => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);
  const make = (name, className, text = "") =>
    Object.assign(document.createElement(name), {className, textContent: text.replaceAll("`", "")});
  const topics = [...new Set(questions.map(({topic}) => topic))];
  const bar = make("div", "bar"), place = make("div", ""), score = make("div", "score");
  const label = make("label", "", "About "), select = make("select", ""), next = make("button", "", "Next question");
  ["everything", ...topics].forEach(topic => select.append(new Option(topic)));
  let asked = 0, atOnce = 0, waiting = [];
  const cases = questions.map(() => []);

  // The next question: of all that are left in this round, or, every other time, one in which a held belief shows.
  function choose() {
    const all = questions.map((_, q) => q)
      .filter(q => [questions[q].topic, "everything"].includes(select.value));
    const shows = ([, , wrong]) => Object.values(wrong).some(belief => held.has(belief));
    const telling = asked % 2 ? mixed(all.filter(q => questions[q].cases.some(shows))) : [];
    waiting = waiting.filter(q => all.includes(q));
    if (!waiting.length) waiting = mixed(all);
    const q = telling.length ? telling[0] : waiting.pop();
    if (!cases[q].length) cases[q] = mixed(questions[q].cases.map((_, c) => c));
    const c = telling.length && cases[q].find(c => shows(questions[q].cases[c]));
    return [q, c === undefined || !telling.length ? cases[q].pop() : cases[q].splice(cases[q].indexOf(c), 1)[0]];
  }

  function ask(focus) {
    const one = make("div", "d2lconv-question");
    one.append(make("div", "fallback"));
    place.replaceChildren(one);
    question(one, data, choose(), heard);
    if (focus) one.querySelector("input, button").focus();
  }
  function heard({right, belief, first, beliefs: told}) {
    if (first) asked += 1;
    if (first && right) {
      atOnce += 1;
      told.filter(b => held.delete(b)).forEach(b => left.add(b));
    }
    if (belief !== undefined) {
      held.add(belief);
      left.delete(belief);
    }
    tally();
  }
  const list = (title, set) => {
    if (!set.size) return [];
    const items = make("ul", "");
    for (const [name, , heading, url] of [...set].map(b => beliefs[b])) {
      const item = make("li", "", `${name}. Read `);
      item.append(Object.assign(make("a", "", heading), {href: url}));
      items.append(item);
    }
    return [make("p", "", title), items];
  };
  function tally() {
    score.replaceChildren(
      make("p", "", asked ? `Answered: ${asked}, at the first try: ${atOnce}.` : "Nothing is stored or sent."),
      ...list("Beliefs that you still hold:", held), ...list("Beliefs that you have left behind:", left));
  }

  next.type = "button";
  next.onclick = () => ask(true);
  select.onchange = () => ask(false);
  for (const part of [root, next, select]) part.dataset.lmSuppressShortcuts = "true";
  label.append(select);
  bar.append(label);
  root.querySelector(".fallback").replaceWith(bar, place, next, score);
  tally();
  ask(false);
}
