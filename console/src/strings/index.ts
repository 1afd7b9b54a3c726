// Every string of the console, in one place for each language. English is the language that defines the keys.
import { Cell, kept } from "../state";
import { failures, problems, warnings } from "../api-words.json";
import { german } from "./de";
import { germanCodes } from "./de-codes";
import { english } from "./en";

export type Key = keyof typeof english;
export type Language = "en" | "de";

const texts: Record<Language, Record<Key, string>> = { en: english, de: german };

function preferred(): Language {
  const chosen = kept.get("language");
  if (chosen === "en" || chosen === "de") return chosen;
  return navigator.language.toLowerCase().startsWith("de") ? "de" : "en";
}

export const language = new Cell<Language>(preferred());

export function speak(chosen: Language): void {
  kept.set("language", chosen);
  language.set(chosen);
}

/** How numbers and times are written: as the browser does where it speaks the chosen language. */
export function locale(): string {
  return navigator.language.toLowerCase().startsWith(language.value) ? navigator.language : language.value;
}

/**
 * The text of a key, with `{name}` filled in. `{count|document|documents}` is the word for one and for another number
 * of them; English and German have these two alone.
 */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return texts[language.value][key].replace(/\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g, (_, name: string, one?: string, other?: string) =>
    one === undefined ? String(values[name] ?? "") : String(Number(values[name]) === 1 ? one : other));
}

type Codes = Record<string, string>;
const codes: Record<"problems" | "failures" | "warnings", Codes> = { problems, failures, warnings };

/**
 * What the API says with a code. In English it is the API's own sentence about the case; in another language the words
 * for the code, with that sentence behind them where it says more than the code does.
 */
export function said(kind: keyof typeof codes, code: string, message = ""): string {
  const own = codes[kind][code] ?? "";
  const translated = language.value === "en" ? "" : (germanCodes[kind] as Codes)[code];
  if (!translated) return message || own || code.replaceAll("_", " ");
  return message && message !== own ? `${translated} (${message})` : translated;
}

/** The text of a key that is made of a value of the API; the value itself where no text is known. */
export function name(group: string, value: string | null | undefined): string {
  if (!value) return "–";
  const key = `${group}.${value}`;
  return key in english ? t(key as Key) : group === "model" ? value : value.replaceAll("_", " ");
}
