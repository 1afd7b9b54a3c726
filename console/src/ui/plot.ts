// Lines over time, drawn by uPlot in the colours of the page.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  text: string;
  values: (number | null)[];
}

/** Draw into a box and follow its width. Each line after the first has a scale of its own, at the right. */
export function draw(box: HTMLElement, seconds: number[], lines: Line[]): { destroy: () => void } {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const strokes = [colour("--accent"), colour("--second")];
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  const width = () => Math.max(240, box.clientWidth - 32);
  const plot = new uPlot(
    {
      width: width(),
      height: 260,
      series: [{}, ...lines.map((line, index) => ({ label: line.text, scale: `y${index}`, stroke: strokes[index % 2]!, width: 2, points: { show: false } }))],
      axes: [axis, ...lines.map((_, index) => ({ ...axis, scale: `y${index}`, side: index ? 1 : 3, grid: { ...axis.grid, show: index === 0 } }) as uPlot.Axis)],
      scales: Object.fromEntries(lines.map((_, index) => [`y${index}`, { range: (_plot: uPlot, _least: number, most: number) => [0, Math.max(1, most * 1.1)] as [number, number] }])),
    },
    [seconds, ...lines.map((line) => line.values)],
    box,
  );
  const observer = new ResizeObserver(() => plot.setSize({ width: width(), height: 260 }));
  observer.observe(box);
  return {
    destroy: () => {
      observer.disconnect();
      plot.destroy();
    },
  };
}
