// One conversation: its head, its thread, and the composer.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../api";
import { go, href } from "../../router";
import { Cell, kept, useCell } from "../../state";
import { liveFor, running } from "../../stream";
import { t } from "../../strings";
import { thread, type Step } from "../../tree";
import { Button, complain, confirm, Empty, Loaded, Menu, notify, useEvery, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Icon } from "../../ui/icons";
import { Compared } from "./comparison";
import { Composer } from "./composer";
import * as conversations from "./conversations";
import { exportFile, exportJson, exportMarkdown } from "./export";
import { Answer, Failure, LiveAnswer, Question, Sending } from "./message";
import { ChooseAnswering } from "./answering";
import { ShareDialog } from "./share";
import * as threads from "./threads";

export function NewConversation() {
  const [filters, setFilters] = useState<threads.Filters>({});
  const [assistant, setAssistant] = useState<string | null>(null);
  const created = useRef<string | null>(null);
  const state = useLoad(async () => (await api.get("/assistants", { query: { limit: 100 } })).items.filter((item) => item.is_visible), []);
  const hasDocuments = useLoad(async () => (await api.get("/documents", { query: { limit: 1 } })).items.length > 0, []);
  const assistants = state.data ?? [];
  const chosen = assistants.find((item) => (assistant === null ? item.is_default : item.id === assistant));
  const begin = async (act: (cell: Cell<threads.Thread>) => Promise<unknown>) => {
    created.current ??= (await api.post("/conversations", {
      body: { filters, ...(assistant !== null && { assistant_id: assistant }) },
      once: true,
    })).id;
    const cell = await threads.open(created.current);
    await act(cell);
    go(href("ask", created.current));
  };
  const ask = (text: string) => begin((cell) => threads.ask(cell, text, null));
  return (
    <div class="thread-page">
      <div class="thread">
        <div class="welcome">
          <h1>{t("ask.welcome")}</h1>
          <p class="hint">{chosen?.description || t("ask.welcome.text")}</p>
          {assistants.length > 0 && (
            <div class="chips" role="group" aria-label={t("ask.assistant")}>
              {assistants.map((item) => (
                <Button key={item.id} pressed={item === chosen} onClick={() => setAssistant(item.id)}>{item.name}</Button>
              ))}
            </div>
          )}
          <div class="starters">
            {hasDocuments.data === false && <a class="button primary" href={href("documents")}><Icon name="plus" />{t("ask.first")}</a>}
            {chosen?.starter_messages.map((text) => <Button key={text} onClick={() => ask(text)}>{text}</Button>)}
          </div>
        </div>
      </div>
      <Composer
        draft="new"
        filters={filters}
        onFilters={setFilters}
        onAsk={ask}
        onCompare={(text) => begin((cell) => threads.compare(cell, text, null))}
      />
    </div>
  );
}

export function ConversationPage({ id, message }: { id: string; message: string | null }) {
  const state = useLoad(() => threads.open(id), []);
  return (
    <Loaded state={state}>{(cell) => <Opened cell={cell} message={message} />}</Loaded>
  );
}

function Opened({ cell, message }: { cell: Cell<threads.Thread>; message: string | null }) {
  const now = useCell(cell);
  useCell(running);
  const end = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const [editing, setEditing] = useState<string | null>(null);
  const steps = shown(thread(now.messages, now.chosen), now);
  const last = steps[steps.length - 1]?.message ?? null;
  const jobs = last ? liveFor(last.role === "user" ? last.id : "") : [];
  const isWaiting = last?.role === "user" && jobs.length === 0 && !now.failures.has(last.id) && isRecent(last.created_at);
  const isAnswering = jobs.some((job) => job.value.status !== "ended");
  // Another window or device asked: its answer is looked for until it is there.
  useEvery(isWaiting && !now.sending ? 3000 : null, () => threads.refresh(now.conversation.id).catch(() => undefined));
  useEffect(() => {
    if (!message) return;
    threads.show(cell, message);
    requestAnimationFrame(() => document.getElementById(`message-${message}`)?.scrollIntoView({ block: "center" }));
  }, [message]);
  useEffect(() => {
    if (!message) end.current?.scrollIntoView({ block: "end" });
  }, []);
  useEffect(() => {
    if (isAtEnd.current) end.current?.scrollIntoView({ block: "end" });
  });
  const edit = async (step: Step, content: string) => {
    setEditing(null);
    await threads.ask(cell, content, step.message.parent_message_id ?? null);
  };
  return (
    <div class="thread-page">
      <Head cell={cell} />
      <div
        class="thread"
        ref={scroller}
        tabIndex={0}
        role="log"
        aria-label={t("ask.thread")}
        aria-busy={isAnswering}
        onScroll={() => {
          const box = scroller.current!;
          isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
        }}
      >
        {steps.length === 0 && !now.sending && <Empty icon="ask" title={t("ask.empty")} />}
        {steps.map((step) => (
          <Turn key={step.message.id} cell={cell} step={step} isEditing={editing === step.message.id} onEdit={(on) => setEditing(on ? step.message.id : null)} onSave={(text) => edit(step, text)} isLast={step.message === last} />
        ))}
        {now.sending && <Sending content={now.sending.content} />}
        <div ref={end} class="thread-end" />
      </div>
      <Composer
        draft={now.conversation.id}
        filters={now.conversation.filters}
        onFilters={(filters) => threads.change(cell, { filters }).catch(complain)}
        onAsk={(text) => { isAtEnd.current = true; return threads.ask(cell, text, last?.id ?? null); }}
        onCompare={(text) => { isAtEnd.current = true; return threads.compare(cell, text, last?.id ?? null); }}
        onStop={isAnswering ? async () => { await Promise.all(jobs.map((job) => threads.stop(job.value.job))); } : undefined}
      />
    </div>
  );
}

function isRecent(time: string): boolean {
  return Date.now() - new Date(time).getTime() < 15 * 60_000;
}

/** The thread as it is shown: what is being sent or written again hides what stood at its place. */
function shown(steps: Step[], now: threads.Thread): Step[] {
  const { sending } = now;
  if (sending) {
    const at = steps.findIndex((step) => (step.message.parent_message_id ?? null) === sending.parent);
    if (at >= 0 && steps[at]!.message.role === "user") return steps.slice(0, at);
  }
  const written = steps.findIndex((step) => step.message.role === "user" && liveFor(step.message.id).length > 0);
  return written < 0 ? steps : steps.slice(0, written + 1);
}

interface TurnProps {
  cell: Cell<threads.Thread>;
  step: Step;
  isLast: boolean;
  isEditing: boolean;
  onEdit: (on: boolean) => void;
  onSave: (text: string) => Promise<void>;
}

function Turn({ cell, step, isLast, isEditing, onEdit, onSave }: TurnProps) {
  const now = cell.value;
  const { message } = step;
  const comparison = now.comparisons.find((other) => other.message_id === message.id);
  if (message.role === "assistant") {
    if (now.comparisons.some((other) => other.message_id === message.parent_message_id)) return null;
    return <Answer cell={cell} step={step} />;
  }
  const jobs = liveFor(message.id);
  const failure = now.failures.get(message.id);
  return (
    <>
      <Question cell={cell} step={step} isEditing={isEditing} onEdit={onEdit} onSave={onSave} />
      {comparison && <Compared cell={cell} comparison={comparison} />}
      {!comparison && jobs.map((job) => <LiveAnswer key={job.value.job} live={job} />)}
      {!comparison && jobs.length === 0 && isLast && (failure || !isRecent(message.created_at)) && (
        <Failure text={failure ?? t("ask.unanswered")} onAgain={() => threads.again(cell, message.id)} />
      )}
      {!comparison && jobs.length === 0 && isLast && !failure && isRecent(message.created_at) && <p class="stage">{t("ask.waiting")}</p>}
    </>
  );
}

function Head({ cell }: { cell: Cell<threads.Thread> }) {
  const { conversation } = useCell(cell);
  const [opened, setOpened] = useState<"rename" | "answering" | "share" | null>(null);
  const id = conversation.id;
  const erase = async () => {
    await api.delete("/conversations/{conversation_id}", { path: { conversation_id: id } });
    conversations.remove(id);
    kept.set(`draft:${id}`, null);
    go(href("ask"));
    notify(t("ask.deleted.note"), async () => {
      conversations.put(await api.post("/conversations/{conversation_id}/restore", { path: { conversation_id: id } }));
      go(href("ask", id));
    });
  };
  const archive = async () => {
    const isArchived = !conversation.is_archived;
    await threads.change(cell, { is_archived: isArchived });
    notify(t(isArchived ? "ask.archived.note" : "ask.unarchived.note"), () => threads.change(cell, { is_archived: !isArchived }));
  };
  return (
    <header class="thread-head">
      <h1 title={conversation.title}>{conversation.title}</h1>
      <Menu
        label={t("ask.actions")}
        entries={[
          { text: t("action.rename"), icon: "edit", act: () => setOpened("rename") },
          { text: t("ask.answering"), icon: "administer", act: () => setOpened("answering") },
          { text: t("share.title"), icon: "out", act: () => setOpened("share") },
          { text: t("ask.export.markdown"), icon: "download", act: () => exportMarkdown(cell.value) },
          { text: t("ask.export.docx"), icon: "download", act: () => exportFile(id, "docx") },
          { text: t("ask.export.html"), icon: "download", act: () => exportFile(id, "html") },
          { text: t("ask.export.json"), icon: "download", act: () => exportJson(id) },
          { text: t(conversation.is_archived ? "action.unarchive" : "action.archive"), icon: "archive", act: archive },
          {
            text: t("action.delete"), icon: "trash", danger: true,
            act: async () => { if (await confirm(t("ask.delete"), t("ask.delete.text"), t("action.delete"))) await erase(); },
          },
        ]}
      />
      {opened === "rename" && (
        <FormDialog
          title={t("action.rename")}
          entries={[{ name: "title", label: t("field.title"), required: true, value: conversation.title, maxLength: 255 }]}
          action={t("action.save")}
          onClose={() => setOpened(null)}
          onSubmit={(values) => threads.change(cell, { title: String(values["title"]) })}
        />
      )}
      {opened === "share" && <ShareDialog id={id} onClose={() => setOpened(null)} />}
      {opened === "answering" && <ChooseAnswering cell={cell} onClose={() => setOpened(null)} />}
    </header>
  );
}
