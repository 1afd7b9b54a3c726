// Questions and answers.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { go, href } from "../../router";
import { Cell, useCell } from "../../state";
import type { Live } from "../../stream";
import { name, t } from "../../strings";
import type { Message, Step } from "../../tree";
import { Button, Dialog, Menu, notify } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Icon } from "../../ui/icons";
import { Markdown } from "../../ui/markdown";
import { citation } from ".";
import { Details } from "./details";
import * as threads from "./threads";

/** What marks a citation in an answer: a button that opens its source. */
export function cites(sources: Schemas["Source"][]) {
  const byNumber = new Map(sources.map((source) => [source.number, source]));
  return (number: number) => {
    const source = byNumber.get(number);
    if (!source) return null;
    return (
      <button type="button" class="cite" aria-label={t("source.open", { number, title: source.title })} title={`${source.title}\n“${source.quote}”`} onClick={() => citation.set(source)}>
        {number}
      </button>
    );
  };
}

export function Branches({ cell, step }: { cell: Cell<threads.Thread>; step: Step }) {
  const { message, siblings } = step;
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(message);
  return (
    <span class="branches" role="group" aria-label={t("ask.branches")}>
      <Button kind="quiet" icon="left" label={t("ask.branch.before")} disabled={at === 0} onClick={() => threads.walk(cell, siblings[at - 1]!)} />
      <span>{at + 1} / {siblings.length}</span>
      <Button kind="quiet" icon="right" label={t("ask.branch.after")} disabled={at === siblings.length - 1} onClick={() => threads.walk(cell, siblings[at + 1]!)} />
    </span>
  );
}

interface QuestionProps {
  cell: Cell<threads.Thread>;
  step: Step;
  isEditing: boolean;
  onEdit: (on: boolean) => void;
  onSave: (text: string) => Promise<void>;
}

export function Question({ cell, step, isEditing, onEdit, onSave }: QuestionProps) {
  const { message } = step;
  const [text, setText] = useState(message.content);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (isEditing) area.current?.focus();
  }, [isEditing]);
  if (isEditing) {
    return (
      <form class="question editing" onSubmit={(event) => event.preventDefault()}>
        <textarea ref={area} rows={3} maxLength={20000} aria-label={t("ask.edit")} value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={(event) => { if (event.key === "Escape") onEdit(false); }} />
        <div class="form-actions">
          <Button onClick={() => onEdit(false)}>{t("action.cancel")}</Button>
          <Button kind="primary" disabled={!text.trim()} onClick={() => onSave(text.trim())}>{t("ask.send")}</Button>
        </div>
      </form>
    );
  }
  return (
    <article class="question" id={`message-${message.id}`} aria-label={t("ask.yours")}>
      <p class="bubble">{message.content}</p>
      <div class="message-row">
        <Branches cell={cell} step={step} />
        <Button kind="quiet" icon="copy" label={t("action.copy")} onClick={() => copy(message.content)} />
        <Button kind="quiet" icon="edit" label={t("ask.edit")} onClick={() => onEdit(true)} />
      </div>
    </article>
  );
}

export function Sending({ content }: { content: string }) {
  return (
    <article class="question sending">
      <p class="bubble">{content}</p>
      <p class="stage">{t("ask.sending")}</p>
    </article>
  );
}

export function Failure({ text, onAgain }: { text: string; onAgain: () => Promise<unknown> }) {
  return (
    <div class="answer failed" role="alert">
      <p><Icon name="warning" /> {text}</p>
      <Button icon="again" onClick={onAgain}>{t("ask.again")}</Button>
    </div>
  );
}

function stage(now: Live): string {
  if (now.isOffline) return t("ask.offline");
  if (now.note) return now.note;
  if (now.text) return t("stage.writing");
  if (now.tools.some((tool) => tool.state === "running")) return t("stage.tools");
  if (now.found) return t("stage.reading", { count: now.found.length });
  if (now.thinking) return t("stage.thinking");
  return t(now.status === "processing" ? "stage.searching" : "stage.queued");
}

export function LiveAnswer({ live }: { live: Cell<Live> }) {
  const now = useCell(live);
  return (
    <article class="answer live" aria-label={t("ask.answer")}>
      {now.status !== "ended" && <p class={`stage ${now.isOffline ? "offline" : "working"}`} role="status">{stage(now)}</p>}
      <Thinking text={now.thinking} isOpen={false} />
      {now.tools.length > 0 && (
        <ul class="tools">
          {now.tools.map((tool) => <li key={tool.id} class={tool.state}><Icon name={tool.state === "failed" ? "warning" : tool.state === "done" ? "check" : "clock"} />{name("tool", tool.name)} <code>{tool.detail.slice(0, 200)}</code></li>)}
        </ul>
      )}
      <Markdown text={now.text} cite={(number) => <span class="cite pending">{number}</span>} />
    </article>
  );
}

function Thinking({ text, isOpen }: { text: string; isOpen: boolean }) {
  if (!text) return null;
  return (
    <details class="thinking" open={isOpen}>
      <summary>{t("ask.thinking")}</summary>
      <p>{text}</p>
    </details>
  );
}

export function Sources({ sources }: { sources: Schemas["Source"][] }) {
  if (sources.length === 0) return null;
  return (
    <ol class="sources" aria-label={t("ask.sources")}>
      {sources.map((source) => (
        <li key={source.number}>
          <button type="button" onClick={() => citation.set(source)} title={source.quote}>
            <span class="cite" aria-hidden="true">{source.number}</span>
            <span class="source-title">{source.title}</span>
            {source.page !== null && <span class="source-page">{t("source.page", { page: source.page })}</span>}
          </button>
        </li>
      ))}
    </ol>
  );
}

export function Answer({ cell, step }: { cell: Cell<threads.Thread>; step: Step }) {
  const { message } = step;
  const question = message.parent_message_id!;
  const [opened, setOpened] = useState<"details" | "mistake" | null>(null);
  const mark = async (isMistake: boolean, note: string | null) => {
    const path = { message_id: message.id };
    threads.putMessage(cell, await api.put("/messages/{message_id}/mistake", { path, body: { is_mistake: isMistake, note } }));
  };
  return (
    <article class="answer" id={`message-${message.id}`} aria-label={t("ask.answer")}>
      <Thinking text={message.thinking ?? ""} isOpen={false} />
      <Markdown text={message.content} cite={cites(message.sources)} />
      {!message.content && message.sources.length > 0 && <p class="hint">{t("ask.only.sources")}</p>}
      {message.notice && <p class="notice"><Icon name="warning" /> {message.notice}</p>}
      {message.is_mistake && <p class="notice"><Icon name="flag" /> {message.mistake_note || t("ask.is.mistake")}</p>}
      <Sources sources={message.sources} />
      <div class="message-row">
        <Branches cell={cell} step={step} />
        <Rating message={message} />
        <Button kind="quiet" icon="copy" label={t("action.copy")} onClick={() => copy(message.content)} />
        <Button kind="quiet" icon="again" label={t("ask.again")} onClick={() => threads.again(cell, question)} />
        <Button kind="quiet" icon="clock" label={t("ask.details")} onClick={() => setOpened("details")} />
        <Menu
          label={t("ask.more")}
          entries={[
            message.is_mistake
              ? { text: t("ask.unmark"), icon: "flag", act: () => mark(false, null) }
              : { text: t("ask.mark"), icon: "flag", act: () => setOpened("mistake") },
            ...(message.filters.length ? [] : [{ text: t("ask.search.with"), icon: "search" as const, act: () => go(`${href("search")}?q=${encodeURIComponent(queryOf(cell, question))}`) }]),
          ]}
        />
      </div>
      {opened === "details" && <Dialog title={t("ask.details")} onClose={() => setOpened(null)}><Details message={message} /></Dialog>}
      {opened === "mistake" && (
        <FormDialog
          title={t("ask.mark")}
          entries={[{ name: "note", label: t("ask.what.is.wrong"), kind: "long", maxLength: 2000 }]}
          action={t("action.save")}
          onClose={() => setOpened(null)}
          onSubmit={(values) => mark(true, values["note"] as string | null)}
        />
      )}
    </article>
  );
}

function queryOf(cell: Cell<threads.Thread>, question: string): string {
  const message = cell.value.messages.find((other) => other.id === question);
  return message?.rephrased_query ?? message?.content ?? "";
}

const reasons = enums.FeedbackReason as Schemas["FeedbackReason"][];

/** Thumbs up or down; down asks why. What was given before is loaded when the answer is first seen. */
function Rating({ message }: { message: Message }) {
  const [rating, setRating] = useState<string | null>(null);
  const [isAsking, setAsking] = useState(false);
  const element = useRef<HTMLSpanElement>(null);
  const path = { message_id: message.id };
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      api.get("/messages/{message_id}/feedback", { path }).then(
        (page) => setRating(page.items.find((item) => item.kind !== "comment")?.kind ?? null),
        () => undefined,  // it is shown as not rated
      );
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, [message.id]);
  const rate = async (kind: "like" | "dislike", why: { reasons?: Schemas["FeedbackReason"][]; comment?: string | null } = {}) => {
    const feedback = await api.post("/messages/{message_id}/feedback", { path, body: { kind, ...why } });
    setRating(feedback?.kind ?? null);
    if (feedback) notify(t("ask.thanks"));
  };
  return (
    <span ref={element} class="rating">
      <Button kind="quiet" icon="like" label={t("ask.like")} pressed={rating === "like"} onClick={() => rate("like")} />
      <Button kind="quiet" icon="dislike" label={t("ask.dislike")} pressed={rating === "dislike"} onClick={() => (rating === "dislike" ? rate("dislike") : setAsking(true))} />
      {isAsking && (
        <FormDialog
          title={t("ask.dislike")}
          entries={[
            { name: "reasons", label: t("ask.why"), kind: "choices", options: reasons.map((value) => ({ value, text: name("reason", value) })) },
            { name: "comment", label: t("field.comment"), kind: "long", maxLength: 4000 },
          ]}
          action={t("ask.send")}
          onClose={() => setAsking(false)}
          onSubmit={(values) => rate("dislike", { reasons: values["reasons"] as Schemas["FeedbackReason"][], comment: values["comment"] as string | null })}
        />
      )}
    </span>
  );
}

export async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
  notify(t("note.copied"));
}
