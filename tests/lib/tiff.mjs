// Gray TIFF files without compression, as a scanner could have made them.

const entry = (tag, type, count, value) => {
  const out = Buffer.alloc(12);
  out.writeUInt16LE(tag, 0);
  out.writeUInt16LE(type, 2);
  out.writeUInt32LE(count, 4);
  if (type === 3 && count === 1) out.writeUInt16LE(value, 8);
  else out.writeUInt32LE(value, 8);
  return out;
};

// One page each: { width, height, at(x, y) -> 0..255 }.
export function tiff(pages) {
  const parts = [Buffer.from('II*\0', 'latin1'), Buffer.alloc(4)];
  let length = 8;
  const add = (bytes) => {
    parts.push(bytes);
    length += bytes.length;
    return length - bytes.length;
  };
  let link = parts[1]; // where the place of the next directory is written
  let linkAt = 0;
  for (const { width, height, at } of pages) {
    const pixels = Buffer.alloc(width * height);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels[y * width + x] = at(x, y);
    const strip = add(pixels);
    if (length % 2) add(Buffer.alloc(1));
    const resolution = Buffer.alloc(8);
    resolution.writeUInt32LE(300, 0);
    resolution.writeUInt32LE(1, 4);
    const dpi = add(resolution);
    const entries = [
      entry(256, 4, 1, width), entry(257, 4, 1, height), entry(258, 3, 1, 8), entry(259, 3, 1, 1), entry(262, 3, 1, 1),
      entry(273, 4, 1, strip), entry(277, 3, 1, 1), entry(278, 4, 1, height), entry(279, 4, 1, pixels.length), entry(282, 5, 1, dpi), entry(283, 5, 1, dpi), entry(296, 3, 1, 2),
    ];
    const directory = Buffer.alloc(2 + 12 * entries.length + 4);
    directory.writeUInt16LE(entries.length, 0);
    Buffer.concat(entries).copy(directory, 2);
    const place = add(directory);
    link.writeUInt32LE(place, linkAt);
    link = directory;
    linkAt = directory.length - 4;
  }
  return Buffer.concat(parts);
}

// A sheet of paper with a frame and something written in its middle; the bits of `seed`
// stand above it, so that no two are the same file.
export const sheet = (width = 620, height = 877, seed = 0) => ({
  width,
  height,
  at: (x, y) => {
    if (x < 6 || y < 6 || x >= width - 6 || y >= height - 6) return 0;
    if (y >= 60 && y < 70 && x >= 60 && x < 380) return (seed >> ((x - 60) >> 4)) & 1 ? 30 : 245;
    return y > 100 && y < 140 && x > 60 && x < width - 60 && (x >> 3) % 3 === 0 ? 30 : 245;
  },
});
