// What each type of connector requires: the fields of its settings and credentials, as `make console` reads them
// out of the service's own models.
import described from "../../../connector-types.json";
import type { Schemas } from "../../../api";
import { name } from "../../../strings";
import type { Entry, Values } from "../../../ui/forms";

export type ConnectorType = Schemas["ConnectorType"];

interface Field {
  name: string;
  kind: "text" | "long" | "secret" | "number" | "toggle" | "choice" | "lines";
  required: boolean;
  default?: unknown;
  options?: string[];
  min?: number;
  max?: number;
  max_length?: number;
}

interface Type {
  consent: boolean;
  settings: Field[];
  credentials: Field[];
}

const types = described as unknown as Record<ConnectorType, Type>;
export const typeNames = Object.keys(types) as ConnectorType[];
export const canConsent = (type: ConnectorType): boolean => types[type].consent;

const kinds = { text: "text", long: "long", secret: "password", number: "number", toggle: "toggle", choice: "choice", lines: "lines" } as const;

function entryOf(part: "settings" | "credentials", field: Field, present: unknown): Entry {
  const value = present ?? (part === "settings" ? field.default : undefined);
  return {
    name: `${part}.${field.name}`,
    label: name("outside", field.name),
    kind: kinds[field.kind],
    value: Array.isArray(value) ? value.join("\n") : value,
    required: field.required && part === "settings" && field.kind !== "toggle",
    folded: part === "settings" && !field.required,
    ...(field.kind === "choice" && { options: [...(field.required ? [] : [{ value: "", text: "–" }]), ...(field.options ?? []).map((option) => ({ value: option, text: name("outside", option) }))] }),
    ...(field.kind === "lines" && { hint: name("outside", "lines") }),
    ...(field.min !== undefined && { min: field.min }),
    ...(field.max !== undefined && { max: field.max }),
    ...(field.kind === "number" && { step: "1" }),
    ...(field.max_length !== undefined && field.kind !== "lines" && { maxLength: field.max_length }),
  };
}

/** The fields of a type, with the present settings; credentials are never shown. */
export function entriesOf(type: ConnectorType, settings: Values = {}): { settings: Entry[]; credentials: Entry[] } {
  return {
    settings: types[type].settings.map((field) => entryOf("settings", field, settings[field.name])),
    credentials: types[type].credentials.map((field) => entryOf("credentials", field, undefined)),
  };
}

/** The values of one part; null where nothing was filled in. */
export function partOf(part: "settings" | "credentials", values: Values): Values | null {
  const filled = Object.entries(values)
    .filter(([key, value]) => key.startsWith(`${part}.`) && value !== null && !(Array.isArray(value) && value.length === 0))
    .map(([key, value]) => [key.slice(part.length + 1), value]);
  return filled.length ? Object.fromEntries(filled) : null;
}
