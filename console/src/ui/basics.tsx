// The parts that every page is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../api";
import { Cell, useCell } from "../state";
import { t } from "../strings";
import { Icon, type IconName } from "./icons";

type Kind = "primary" | "plain" | "quiet" | "danger";

interface ButtonProps {
  kind?: Kind;
  icon?: IconName;
  label?: string; // what a button without text is called
  children?: ComponentChildren;
  onClick?: (event: MouseEvent) => unknown;
  type?: "button" | "submit";
  disabled?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  class?: string;
}

/** A button. It is busy while what it does is under way, and says what went wrong. */
export function Button({ kind = "plain", icon, label, children, onClick, type = "button", disabled, pressed, expanded, class: extra }: ButtonProps) {
  const [isBusy, setBusy] = useState(false);
  const isMounted = useRef(true);
  useEffect(() => () => void (isMounted.current = false), []);
  const click = async (event: MouseEvent) => {
    if (!onClick || isBusy) return;
    const result = onClick(event);
    if (!(result instanceof Promise)) return;
    setBusy(true);
    try {
      await result;
    } catch (error) {
      complain(error);
    } finally {
      if (isMounted.current) setBusy(false);
    }
  };
  return (
    <button
      type={type}
      class={`button ${kind} ${icon && !children ? "square" : ""} ${extra ?? ""}`}
      onClick={click}
      disabled={disabled}
      aria-busy={isBusy || undefined}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface Toast {
  id: number;
  text: string;
  kind: "note" | "problem";
  undo?: () => unknown;
}

const toasts = new Cell<Toast[]>([]);
let count = 0;

function dismiss(id: number): void {
  toasts.update((shown) => shown.filter((toast) => toast.id !== id));
}

export function notify(text: string, undo?: () => unknown): void {
  const toast: Toast = { id: ++count, text, kind: "note", ...(undo && { undo }) };
  toasts.update((shown) => [...shown.slice(-3), toast]);
  setTimeout(() => dismiss(toast.id), undo ? 10000 : 4000);
}

export function complain(error: unknown): void {
  const text = sentence(error, t("error.offline"));
  if (!text) return;
  toasts.update((shown) => [...shown.filter((toast) => toast.text !== text).slice(-3), { id: ++count, text, kind: "problem" }]);
}

/** Complain about many documents at once: each reason once, with how many have it. */
export function complainAboutEach(failures: unknown[]): void {
  const counts = new Map<string, number>();
  for (const failure of failures) {
    const reason = sentence(failure, t("error.offline"));
    if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  for (const [reason, count] of counts) complain(count === 1 ? reason : t("documents.refused", { count, reason }));
}

export function Toasts() {
  const shown = useCell(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} class={`toast ${toast.kind}`}>
          <span>{toast.text}</span>
          {toast.undo && (
            <Button kind="quiet" onClick={async () => { dismiss(toast.id); await toast.undo!(); }}>{t("action.undo")}</Button>
          )}
          <Button kind="quiet" icon="close" label={t("action.close")} onClick={() => dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  actions?: ComponentChildren;
  wide?: boolean;
}

/** A window above the page, which the browser keeps the focus in. */
export function Dialog({ title, onClose, children, actions, wide }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current!;
    const before = document.activeElement;
    if (!dialog.open) dialog.showModal();
    dialog.querySelector<HTMLElement>(".dialog-body :is(input, select, textarea)")?.focus();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}
      onClick={(event) => { if (event.target === element.current) onClose(); }}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <Button kind="quiet" icon="close" label={t("action.close")} onClick={onClose} />
        </header>
        <div class="dialog-body">{children}</div>
        {actions && <footer>{actions}</footer>}
      </div>
    </dialog>
  );
}

interface Question {
  title: string;
  text: string;
  action: string;
  resolve: (answer: boolean) => void;
}

const question = new Cell<Question | null>(null);

/** Ask before something that cannot be undone. */
export function confirm(title: string, text: string, action: string): Promise<boolean> {
  return new Promise((resolve) => question.set({ title, text, action, resolve }));
}

export function Confirmation() {
  const asked = useCell(question);
  if (!asked) return null;
  const answer = (value: boolean) => {
    question.set(null);
    asked.resolve(value);
  };
  return (
    <Dialog
      title={asked.title}
      onClose={() => answer(false)}
      actions={<>
        <Button onClick={() => answer(false)}>{t("action.cancel")}</Button>
        <Button kind="danger" onClick={() => answer(true)}>{asked.action}</Button>
      </>}
    >
      <p>{asked.text}</p>
    </Dialog>
  );
}

export interface MenuEntry {
  text: string;
  icon?: IconName;
  danger?: boolean;
  act: () => unknown;
}

/** A button that opens a list of actions: arrow keys walk it, Escape closes it. */
export function Menu({ label, icon = "more", entries, text }: { label: string; icon?: IconName; entries: MenuEntry[]; text?: string }) {
  const [isOpen, setOpen] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (isOpen) element.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  }, [isOpen]);
  useEffect(() => {
    if (!isOpen) return;
    const close = (event: Event) => {
      if (!element.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    return () => document.removeEventListener("pointerdown", close);
  }, [isOpen]);
  const shut = () => {
    setOpen(false);
    element.current?.querySelector("button")?.focus();
  };
  const walk = (event: KeyboardEvent) => {
    const items = [...element.current!.querySelectorAll<HTMLElement>("[role=menuitem]")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.key === "Escape") { event.stopPropagation(); shut(); }
    else if (event.key === "Tab") setOpen(false);
    else if (step) { event.preventDefault(); items[(at + step + items.length) % items.length]?.focus(); }
  };
  return (
    <div class="menu" ref={element} onKeyDown={isOpen ? walk : undefined}>
      <button type="button" class={`button quiet ${text ? "" : "square"}`} aria-haspopup="menu" aria-expanded={isOpen} aria-label={label} title={label} onClick={() => setOpen(!isOpen)}>
        <Icon name={icon} />{text}
      </button>
      {isOpen && (
        <div class="menu-list" role="menu" aria-label={label}>
          {entries.map((entry) => (
            <button key={entry.text} type="button" role="menuitem" class={entry.danger ? "danger" : ""} onClick={async () => {
              shut();
              try { await entry.act(); } catch (error) { complain(error); }
            }}>
              {entry.icon && <Icon name={entry.icon} />}{entry.text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon"><Icon name={icon} /></span>
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Spinner({ text }: { text?: string }) {
  return <p class="spinner" role="status"><span aria-hidden="true" />{text ?? t("state.loading")}</p>;
}

export function Progress({ value, label }: { value: number | null; label: string }) {
  return <progress class="progress" aria-label={label} max={1} value={value ?? undefined} />;
}

export function Badge({ kind = "plain", children }: { kind?: "plain" | "good" | "bad" | "busy"; children: ComponentChildren }) {
  return <span class={`badge ${kind}`}>{children}</span>;
}

/** Data that a page loads, and loads again when `keys` change. */
export function useLoad<T>(load: () => Promise<T>, keys: readonly unknown[]) {
  const [state, setState] = useState<{ data?: T; error?: unknown; isLoading: boolean }>({ isLoading: true });
  const latest = useRef(0);
  const reload = async () => {
    const turn = ++latest.current;
    setState((before) => ({ ...before, isLoading: true }));
    try {
      const data = await load();
      if (turn === latest.current) setState({ data, isLoading: false });
    } catch (error) {
      if (turn === latest.current) setState((before) => ({ ...before, error, isLoading: false }));
    }
  };
  useEffect(() => {
    void reload();
    return () => void latest.current++;
  }, keys);
  const change = (edit: (data: T) => T) => setState((before) => (before.data === undefined ? before : { ...before, data: edit(before.data) }));
  return { ...state, reload, change };
}

/** What is shown before the data is there, and when it does not come. */
export function Loaded<T>({ state, children }: { state: { data?: T; error?: unknown; reload: () => Promise<void> }; children: (data: T) => ComponentChildren }) {
  if (state.data !== undefined) return <>{children(state.data)}</>;
  if (state.error === undefined) return <Spinner />;
  return (
    <Empty icon="warning" title={sentence(state.error, t("error.offline"))}>
      <Button onClick={state.reload}>{t("action.retry")}</Button>
    </Empty>
  );
}

/** Do something every `milliseconds` while the page is open and seen. */
export function useEvery(milliseconds: number | null, act: () => unknown): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (milliseconds === null) return;
    const timer = setInterval(() => { if (!document.hidden) latest.current(); }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}

