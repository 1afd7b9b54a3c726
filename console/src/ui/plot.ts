// Lines over time, drawn by uPlot in the colours of the page.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock, day } from "../format";
import { t } from "../strings";

const DAY = 86_400;

export interface Line {
  text: string;
  values: (number | null)[];
  /** Whether its points are shown, where values stand alone. */
  isDotted?: boolean;
}

/** Draw into a box and follow its width. With `most` the lines share a scale up to it; else each has one of its own. */
export function draw(box: HTMLElement, seconds: number[], lines: Line[], most?: number): { destroy: () => void } {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const strokes = ["--accent", "--second", "--good", "--bad", "--busy"].map(colour);
  const scaleOf = (index: number) => (most === undefined ? `y${index}` : "y");
  const scales = [...new Set(lines.map((_, index) => scaleOf(index)))];
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  // Days are those of the service, UTC; shorter times are the reader's.
  const isDaily = seconds.length > 1 && seconds[1]! - seconds[0]! >= DAY;
  const isLong = seconds.length > 1 && seconds.at(-1)! - seconds[0]! > DAY;
  const written = (at: number) => (isDaily ? day(at, "UTC") : isLong ? `${clock(at)}\n${day(at)}` : clock(at));
  const times: uPlot.Axis = { ...axis, values: (_plot, splits) => splits.map(written), ...(isDaily && { incrs: [1, 2, 7, 14, 28, 84].map((days) => days * DAY) }) };
  const width = () => Math.max(240, box.clientWidth - 32);
  const plot = new uPlot(
    {
      width: width(),
      height: 260,
      ...(isDaily && { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC") }),
      series: [{ label: t("usage.time"), value: (_plot, at) => (at === null ? "–" : written(at).replace("\n", " ")) }, ...lines.map((line, index) => ({ label: line.text, scale: scaleOf(index), stroke: strokes[index % strokes.length]!, width: 2, ...(index >= strokes.length && { dash: [6, 4] }), points: { show: line.isDotted ?? false } }))],
      axes: [times, ...scales.map((scale, index) => ({ ...axis, scale, side: index ? 1 : 3, grid: { ...axis.grid, show: index === 0 } }) as uPlot.Axis)],
      scales: Object.fromEntries(scales.map((scale) => [scale, { range: (_plot: uPlot, _least: number, highest: number) => [0, most ?? Math.max(1, highest * 1.1)] as [number, number] }])),
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
