// Tensors too large for digits: grey pictures, or violet, white and orange where something is negative.
const canvas = (name, place) => tag("div", 'class="matrix"', `<canvas role="img" aria-label="${name}"></canvas>`,
  place ? `<button type="button" class="pick" aria-label="${name}; the arrow keys move" ${place}></button>` : "",
  '<i class="frame" aria-hidden="true"></i><span class="scale" aria-hidden="true"></span>');
const ORANGE = [179, 88, 6], VIOLET = [84, 39, 136];

function paint(box, rows) {
  const picture = box.querySelector("canvas"), [height, width] = sides(rows), all = rows.flat();
  const finite = all.filter(Number.isFinite), least = Math.min(0, ...finite);
  const far = Math.max(-least, ...finite) || 1;
  Object.assign(picture, {width, height});
  const image = picture.getContext("2d").createImageData(width, height);
  all.forEach((x, n) => {
    const part = Number.isFinite(x) ? x / far : 0, end = x < 0 ? VIOLET : ORANGE;
    const colour = least < 0 ? end.map(e => 255 - (255 - e) * Math.abs(part)) : [1, 1, 1].map(() => 255 * part);
    image.data.set([...colour, 255], 4 * n);
  });
  picture.getContext("2d").putImageData(image, 0, 0);
  box.querySelector(".scale").textContent = least < 0 ? ` \u00b1${number(far)}` : ` 0\u2013${number(far)}`;
}
// X as bytes: one for each number where it has the levels of a photograph, else four.
function unpack({shape: [c_i, h, w], levels, bytes}) {
  const raw = Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0));
  const numbers = levels ? raw : new Float32Array(raw.buffer);
  return range(c_i).map(c => range(h).map(i => Array.from(numbers.subarray((c * h + i) * w, (c * h + i + 1) * w),
    n => n / (levels ?? 1))));
}
// The output place that a pointer on a picture means: on an input, the one whose window is centred there.
function carried(box, clientX, clientY, p) {
  const area = box.querySelector("canvas").getBoundingClientRect(), {height, width} = box.querySelector("canvas");
  const pixel = [(clientY - area.top) / area.height * height, (clientX - area.left) / area.width * width];
  return [p.h, p.w].map((most, d) => {
    const span = p.dilation[d] * (sides(p.K[0][0])[d] - 1) + 1;
    const place = box.matches(".channel") ? Math.round((pixel[d] - span / 2) / p.stride[d]) : Math.floor(pixel[d]);
    return Math.max(0, Math.min(most - 1, place));
  });
}
