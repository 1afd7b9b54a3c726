import { locale, t } from "./strings";

const units = ["B", "kB", "MB", "GB", "TB"];

export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined) return "–";
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(locale(), { maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 })} ${units[unit]}`;
}

export function number(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? "–" : value.toLocaleString(locale(), { maximumFractionDigits: digits });
}

export function money(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const digits = value !== 0 && Math.abs(value) < 1 ? 4 : 2;
  return value.toLocaleString(locale(), { style: "currency", currency: "USD", maximumFractionDigits: digits });
}

export function moment(time: string | null | undefined): string {
  if (!time) return "–";
  return new Date(time).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
}

/** The day and the month of a time in seconds, such as 24 Nov. */
export function day(at: number, timeZone?: string): string {
  return new Date(at * 1000).toLocaleDateString(locale(), { day: "numeric", month: "short", ...(timeZone && { timeZone }) });
}

/** Hours and minutes of a time in seconds. */
export function clock(at: number): string {
  return new Date(at * 1000).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["minute", 60], ["hour", 3600], ["day", 86400]];

/** How long ago: minutes, hours or days, then the date. */
export function ago(time: string | null | undefined): string {
  if (!time) return "–";
  const seconds = (Date.now() - new Date(time).getTime()) / 1000;
  if (seconds > 7 * 86400) return new Date(time).toLocaleDateString(locale(), { dateStyle: "medium" });
  if (seconds < 60) return t("time.now");
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  const [unit, size] = steps.findLast(([, length]) => seconds >= length) ?? ["minute", 60];
  return relative.format(-Math.floor(Math.max(seconds, 0) / size), unit);
}

export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value < 1000 ? `${number(value)} ms` : `${number(value / 1000, 1)} s`;
}

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : share.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 1 });
}
