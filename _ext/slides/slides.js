// Cut each part of the chapter into slides of 1280x720, then let reveal.js show them.
(async () => {
  const WIDTH = 1152, HEIGHT = 720, SMALLEST = 0.7;
  const slides = document.querySelector(".slides");
  // Only when fonts and pictures are there is it known how high a thing is.
  await Promise.all([...document.images].map(image => image.decode().catch(() => {})));
  await document.fonts.load("1em 'Book Math'");

  const size = element => element.getBoundingClientRect();
  const fits = slide => size(slide).height <= HEIGHT;
  const shrink = (element, factor) => { if (factor < 1) element.style.zoom = Math.floor(factor * 100) / 100; };

  // Pictures are stored twice as large as a page shows them. Here they may be anything in between.
  function shrinkPictures(slide, block) {
    const images = [...block.querySelectorAll("img")];
    const heights = images.map(image => size(image).height), all = heights.reduce((sum, one) => sum + one, 0);
    const factor = (HEIGHT - size(slide).height + all) / all;
    if (!images.every((image, i) => factor * heights[i] > 0.45 * image.naturalHeight)) return false;
    images.forEach((image, i) => { image.style.maxHeight = `${Math.floor(factor * heights[i])}px`; });
    return fits(slide);
  }

  function cut(part) {
    const [heading, ...blocks] = part.children;
    part.replaceChildren();
    let slide;
    function open() {
      const head = heading.cloneNode(true);
      if (slide) head.classList.add("again");
      slide = document.createElement("section");
      slide.append(head);
      part.append(slide);
    }
    function place(block) {
      slide.append(block);
      for (const wide of block.querySelectorAll("pre, table, div.math > math")) shrink(wide, WIDTH / size(wide).width);
      if (fits(slide) || shrinkPictures(slide, block)) return;
      const explorer = block.querySelector(".d2lconv-explorer"), before = block.previousElementSibling;
      const room = () => HEIGHT - size(slide).height + size(block).height, factor = () => room() / size(block).height;
      const leads = before.matches("p, .say, h3"), others = slide.children.length - 2 - leads; // 2: heading, block
      if (others || leads && !explorer && factor() < SMALLEST) {
        block.remove();
        open();
        if (leads && others) slide.append(before); // the words that lead to a block go with it
        return place(block);
      }
      if (explorer) {
        shrink(explorer, Math.max(SMALLEST, 0.97 * factor()));
        block.style.maxHeight = `${room()}px`; // it grows with its channels: then it scrolls
        return;
      }
      const output = block.matches(".cell") && block.querySelector(".cell_input") && block.querySelector(".cell_output");
      if (output && factor() < SMALLEST) { // code here, what it gives on the next slide
        output.remove();
        place(output);
      } else for (let percent = 99; !fits(slide) && percent > 9; percent--) { // lines break elsewhere in smaller letters
        block.style.zoom = percent / 100;
      }
    }
    open();
    blocks.forEach(place);
    if (part.children.length === 1) part.replaceChildren(...slide.childNodes);
  }

  [...slides.children].forEach(cut);
  slides.classList.remove("cutting");
  await Reveal.initialize({
    width: 1280, height: HEIGHT, margin: 0, center: false, hash: true, slideNumber: "c/t", transition: "none",
    navigationMode: "linear", plugins: [RevealNotes],
  });
})();
