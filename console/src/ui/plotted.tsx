// A plot in a page. What draws it is loaded when it is first seen.
import { useEffect, useRef } from "preact/hooks";
import { complain } from "./basics";
import type { Line } from "./plot";

export function Plot({ label, seconds, lines, most }: { label: string; seconds: number[]; lines: Line[]; most?: number }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOpen = true;
    let plot: { destroy: () => void } | undefined;
    import("./plot").then(({ draw }) => {
      if (isOpen && box.current) plot = draw(box.current, seconds, lines, most);
    }, complain);
    return () => {
      isOpen = false;
      plot?.destroy();
    };
  }, [JSON.stringify([seconds, lines])]);
  return <div class="plot card" ref={box} role="img" aria-label={label} />;
}
