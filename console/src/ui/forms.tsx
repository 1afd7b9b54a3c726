// Forms: fields with labels, and a form that is described by its fields.
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { Refusal, sentence } from "../api";
import { t } from "../strings";
import { Button, Dialog } from "./basics";

interface FieldProps {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: (id: string, describedBy: string | undefined) => ComponentChildren;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id, described)}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

export interface Entry {
  name: string;
  label: string;
  kind?: "text" | "password" | "email" | "number" | "url" | "date" | "time" | "long" | "lines" | "toggle" | "choice" | "choices";
  hint?: string;
  required?: boolean;
  options?: readonly { value: string; text: string }[];
  value?: unknown;
  autocomplete?: string;
  step?: string;
  min?: number;
  max?: number;
  maxLength?: number;
  disabled?: boolean;
  /** A number that can also be left to the provider of the language model: its value is then "unset". */
  unset?: boolean;
  /** Shown after the others, when somebody asks for it: what most people leave as it is. */
  folded?: boolean;
}

export const UNSET = "unset";

export type Values = Record<string, unknown>;

interface FormProps {
  entries: Entry[];
  action: string;
  class?: string;
  /** Gets a value for every entry; an empty text or number is null, and lines are a list of texts. */
  onSubmit: (values: Values) => Promise<unknown>;
  children?: ComponentChildren;
  extra?: ComponentChildren;
}

export function Form({ entries, action, onSubmit, children, extra, class: extraClass }: FormProps) {
  const [values, setValues] = useState<Values>(() => Object.fromEntries(entries.map((entry) => [entry.name, entry.value ?? blank(entry)])));
  const [problem, setProblem] = useState("");
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem("");
    setErrors({});
    try {
      await onSubmit(Object.fromEntries(entries.map((entry) => [entry.name, clean(entry, values[entry.name])])));
    } catch (error) {
      const known = new Set(entries.map((entry) => entry.name));
      const fields = error instanceof Refusal ? error.fields : [];
      setErrors(Object.fromEntries(fields.map((field) => [field.field.split(".").find((part) => known.has(part)) ?? field.field, field.message])));
      const isShown = fields.length > 0 && fields.every((field) => field.field.split(".").some((part) => known.has(part)));
      setProblem(isShown ? t("error.fields") : sentence(error, t("error.offline")));
    } finally {
      setBusy(false);
    }
  };
  const folded = entries.filter((entry) => entry.folded);
  const input = (entry: Entry) => <Input key={entry.name} entry={entry} value={values[entry.name]} error={errors[entry.name]} onChange={(value) => setValues((now) => ({ ...now, [entry.name]: value }))} />;
  return (
    <form onSubmit={submit} class={`form ${extraClass ?? ""}`}>
      {entries.filter((entry) => !entry.folded).map(input)}
      {folded.length > 0 && <details class="more-fields" open={folded.some((entry) => errors[entry.name]) || undefined}><summary>{t("form.more")}</summary>{folded.map(input)}</details>}
      {children}
      {problem && <p class="form-error" role="alert">{problem}</p>}
      <div class="form-actions">
        {extra}
        <button class="button primary" type="submit" aria-busy={isBusy || undefined}>{action}</button>
      </div>
    </form>
  );
}

function blank(entry: Entry): unknown {
  if (entry.kind === "toggle") return false;
  if (entry.kind === "choices") return [];
  return entry.kind === "choice" ? (entry.options?.[0]?.value ?? "") : "";
}

function clean(entry: Entry, value: unknown): unknown {
  if (entry.kind === "toggle" || entry.kind === "choices") return value;
  const text = String(value ?? "");
  if (entry.kind === "lines") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (text === "") return null;
  if (entry.unset && text === UNSET) return UNSET;
  return entry.kind === "number" ? Number(text) : text;
}

export function Input({ entry, value, error, onChange }: { entry: Entry; value: unknown; error?: string | undefined; onChange: (value: unknown) => void }) {
  const { kind = "text" } = entry;
  if (kind === "toggle") return <Toggle label={entry.label} hint={entry.hint} value={value === true} onChange={onChange} />;
  if (kind === "choices") {
    const chosen = value as string[];
    return (
      <fieldset class="field">
        <legend>{entry.label}</legend>
        {entry.options?.map((option) => (
          <Toggle key={option.value} label={option.text} value={chosen.includes(option.value)} onChange={(on) => onChange(on ? [...chosen, option.value] : chosen.filter((other) => other !== option.value))} />
        ))}
      </fieldset>
    );
  }
  const text = String(value ?? "");
  if (entry.unset) {
    const isUnset = text === UNSET;
    return (
      <div class="field">
        <Input entry={{ ...entry, unset: false, disabled: isUnset }} value={isUnset ? "" : value} error={error} onChange={onChange} />
        <Toggle label={t("form.unset")} value={isUnset} onChange={(on) => onChange(on ? UNSET : "")} />
      </div>
    );
  }
  return (
    <Field label={entry.label} hint={entry.hint} error={error}>
      {(id, describedBy) => {
        const common = { id, "aria-describedby": describedBy, "aria-invalid": error ? true : undefined, required: entry.required, disabled: entry.disabled };
        if (kind === "long" || kind === "lines") return <textarea {...common} rows={kind === "lines" ? 3 : 7} maxLength={entry.maxLength} value={text} onInput={(event) => onChange(event.currentTarget.value)} />;
        if (kind === "choice") {
          return (
            <select {...common} value={text} onChange={(event) => onChange(event.currentTarget.value)}>
              {entry.options?.map((option) => <option key={option.value} value={option.value}>{option.text}</option>)}
            </select>
          );
        }
        return <input {...common} type={kind as "text"} value={text} step={entry.step ?? (kind === "number" ? "any" : undefined)} min={entry.min} max={entry.max} maxLength={entry.maxLength} autoComplete={entry.autocomplete ?? "off"} onInput={(event) => onChange(event.currentTarget.value)} />;
      }}
    </Field>
  );
}

export function Toggle({ label, hint, value, onChange }: { label: string; hint?: string | undefined; value: boolean; onChange: (value: boolean) => void }) {
  const id = useId();
  return (
    <div class="toggle">
      <input id={id} type="checkbox" checked={value} aria-describedby={hint ? `${id}-hint` : undefined} onChange={(event) => onChange(event.currentTarget.checked)} />
      <label for={id}>{label}</label>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

/** A form in a window, which closes when the form is done. */
export function FormDialog({ title, onClose, onSubmit, ...form }: FormProps & { title: string; onClose: () => void }) {
  const submit = async (values: Values) => {
    await onSubmit(values);
    onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <Form {...form} onSubmit={submit} extra={<Button onClick={onClose}>{t("action.cancel")}</Button>} />
    </Dialog>
  );
}

export function SearchBox({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return <input class="search-box" type="search" aria-label={label} placeholder={label} value={value} onInput={(event) => onChange(event.currentTarget.value)} />;
}

export function Choice<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly { value: T; text: string }[]; onChange: (value: T) => void }) {
  return (
    <select class="choice" aria-label={label} title={label} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
      {options.map((option) => <option key={option.value} value={option.value}>{option.text}</option>)}
    </select>
  );
}
