// Where a quote stands in the texts of a page. The quote comes from the extracted text, whose spaces, line ends, hyphens
// and ligatures differ from those of the page, so both are compared without them.

export interface Mark {
  item: number;
  from: number;
  to: number;
}

const SHORTEST = 12; // letters and digits of a part of a quote that is marked by itself

/** Letters, digits and signs in their plain form; no spaces, hyphens or characters without a width. */
export function normal(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/[\s\p{Cf}\p{Pd}]/gu, "");
}

/** The marks of a quote in the items; `whole` says whether all of it was found, otherwise lines of it are marked. */
export function marks(items: readonly string[], quote: string): { whole: boolean; marks: Mark[] } {
  let text = "";
  const places: { item: number; at: number; end: number }[] = []; // of each character of `text`
  items.forEach((item, index) => {
    let at = 0;
    for (const character of item) {
      const plain = normal(character);
      for (let unit = 0; unit < plain.length; unit += 1) places.push({ item: index, at, end: at + character.length });
      text += plain;
      at += character.length;
    }
  });
  const find = (part: string): Mark[] => {
    const wanted = normal(part);
    const start = wanted ? text.indexOf(wanted) : -1;
    if (start < 0) return [];
    const found = new Map<number, Mark>();
    for (const { item, at, end } of places.slice(start, start + wanted.length)) {
      const known = found.get(item);
      found.set(item, known ? { ...known, to: end } : { item, from: at, to: end });
    }
    return [...found.values()];
  };
  const all = find(quote);
  if (all.length > 0) return { whole: true, marks: all };
  const parts = quote.split(/\n+|(?<=[.!?;:])\s+/).filter((part) => normal(part).length >= SHORTEST);
  const byItem = new Map<number, Mark>();
  for (const mark of parts.flatMap(find)) {
    const known = byItem.get(mark.item);
    byItem.set(mark.item, known ? { item: mark.item, from: Math.min(known.from, mark.from), to: Math.max(known.to, mark.to) } : mark);
  }
  return { whole: false, marks: [...byItem.values()] };
}
