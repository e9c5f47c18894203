// One question: it waits for an answer, then says whether it is right, or which belief leads there.
// `data` holds texts with gaps, the cases that fill them, and the beliefs; `tell` hears of each answer.
function question(root, {beliefs, questions, fold}, [q, c] = [0, 0], tell = () => {}) {
  const {text, why, options, names} = questions[q], [values, key, wrong] = questions[q].cases[c];
  const given = Object.fromEntries(names.map((name, n) => [name, values[n]]));
  const fill = text => text.replace(/{(\w+)}/g, (_, name) => name === "answer" ? key : given[name]);
  const row = key.includes(",");

  // Backticks mark code; nothing else in a text is markup.
  function write(parent, text) {
    text.split("`").forEach((part, n) => {
      const place = n % 2 ? parent.appendChild(document.createElement("code")) : parent;
      place.append(part);
    });
    return parent;
  }
  const make = (name, className, text = "") =>
    write(Object.assign(document.createElement(name), {className}), text);

  // What was typed: "9,462,528", "2,5" and "3(4 - 1)" are numbers, "(3, 5+2, 5)" is a row.
  const plain = x => String(Number.isInteger(x) ? x : +x.toPrecision(4));
  const number = text => text.replace(/(\d)-/g, "$1+-").split("+").reduce((sum, term) =>
    sum + term.split("*").reduce((product, x) => product * (/\d/.test(x) ? +x : NaN), 1), 0);
  const value = (text, open = text.replace(/\(([^()]*)\)/, (_, inner) => number(inner))) =>
    open === text ? number(text) : value(open);
  const sum = text => plain(value(text.replace(/[×·]/g, "*").replace(/−/g, "-")
    .replace(/[\s_]|,(?=\d{3}\b)/g, "").replace(/,/g, ".").replace(/([\d)])\(/g, "$1*(")));
  const parts = typed => typed.includes(",") ? typed.replace(/^.*[([]|[)\]].*$/g, "").split(",").filter(x => x.trim())
    : typed.match(/-?\d+(\.\d+)?/g) || [];
  const read = typed => row ? parts(typed).map(sum).join(", ") : sum(typed);

  const form = make("form", ""), told = make("p", "told"), giveUp = make("button", "give-up", "Show the answer");
  told.setAttribute("role", "status");
  form.append(make("p", "", fill(text)));
  if (given.grid) form.append(make("pre", "", given.grid));

  const reveal = fold ? folded(root) : () => {};
  let tries = 0, done = false;
  function say(kind, ...parts) {
    told.className = `told ${kind}`;
    told.replaceChildren(...parts);
  }
  function finish(start) {
    done = true;
    giveUp.remove();
    say("right", write(make("span", "", start), fill(why)));
    reveal();
  }
  function answer(typed, shown) {
    if (typed === "" || typed.includes("NaN")) {
      return say("wrong", row ? "Type the numbers with commas between them, for example 3, 5, 5."
        : "Type a number, for example 12, or 3*4.");
    }
    const belief = typed in wrong ? wrong[typed] : undefined;
    if (!done) tell({right: typed === key, belief, first: ++tries === 1, beliefs: Object.values(wrong)});
    if (typed === key) return finish("Right. ");
    if (!done) told.after(giveUp);
    if (belief === undefined) return say("wrong", `Not ${shown}. Try again.`);
    const [name, hint, heading, url] = beliefs[belief];
    const link = Object.assign(make("a", "", heading), {href: url});
    return say("wrong", write(make("span", ""), `Not ${shown}. That is what you get from: `),
      write(make("strong", ""), name), write(make("span", ""), `. ${hint} Read `), link, ", and try again.");
  }

  if (options.length) {
    const group = make("div", "options");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Choose one");
    options.forEach((option, n) => {
      const button = make("button", "", fill(option));
      button.type = "button";
      button.onclick = () => {
        button.className = String(n) === key ? "right" : "wrong";
        answer(String(n), "this one");
      };
      group.append(button);
    });
    form.append(group);
  } else {
    const line = make("div", "answer"), label = make("label", "", row ? "Your answer, with commas" : "Your answer");
    const input = make("input", "");
    Object.assign(input, {type: "text", autocomplete: "off", spellcheck: false, enterKeyHint: "done"});
    label.append(input);
    line.append(label, make("button", "", "Check"));
    form.append(line);
    form.addEventListener("submit", () => answer(read(input.value), input.value.trim()));
  }
  giveUp.type = "button";
  giveUp.onclick = () => {
    tell({right: false, first: false, beliefs: []});
    finish(`The answer is ${options.length ? "“" + fill(options[key]) + "”" : key}. `);
  };
  form.append(told);
  form.addEventListener("submit", event => event.preventDefault());
  root.querySelector(".fallback").replaceWith(form);
  // JupyterLab must not take the keys that are typed here.
  for (const part of [root, giveUp, ...form.querySelectorAll("input, button")]) part.dataset.lmSuppressShortcuts = "true";

  // On the site, fold what the next cell prints until the question is answered, or the reader opens it.
  function folded(root) {
    let fold;
    const start = () => {
      const cells = [...document.querySelectorAll("article.bd-article div.cell")];
      const here = cells.findIndex(cell => cell.contains(root));
      const next = cells.slice(here + 1).find(cell => !cell.querySelector(".d2lconv-question"));
      const output = here >= 0 && next?.querySelector(".cell_output");
      if (!output) return;
      fold = output.closest(".d2lconv-folded") || make("details", "d2lconv-folded");
      fold.waiting = (fold.waiting || 0) + 1;
      if (output.parentElement === fold) return;
      output.replaceWith(fold);
      fold.append(make("summary", "", "The output is folded: answer the question first, or open it here"), output);
    };
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
    return () => {
      if (!fold || --fold.waiting) return;
      fold.open = true;
      fold.querySelector("summary").textContent = "The output";
    };
  }
}
