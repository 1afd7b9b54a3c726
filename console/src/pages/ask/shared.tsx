// A conversation of somebody else, as it is shown to the caller: read only, with the sources that the caller may see.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { moment } from "../../format";
import { go, href } from "../../router";
import { t } from "../../strings";
import { thread } from "../../tree";
import { Button, Loaded, useLoad } from "../../ui/basics";
import { Markdown } from "../../ui/markdown";
import type { Citation } from "../../ui/source";
import { citation } from ".";
import * as conversations from "./conversations";

type Message = Schemas["SharedMessage"];

export function SharedPage({ id }: { id: string }) {
  const path = { share_id: id };
  const state = useLoad(async () => {
    const [shared, messages] = await Promise.all([
      api.get("/shared-conversations/{share_id}", { path }),
      all((cursor) => api.get("/shared-conversations/{share_id}/messages", { path, query: { limit: 100, ...(cursor && { cursor }) } }), 5000),
    ]);
    return { shared, messages };
  }, [id]);
  const fork = async () => {
    const copy = await api.post("/shared-conversations/{share_id}/fork", { path, once: true });
    conversations.put(copy);
    go(href("ask", copy.id));
  };
  return (
    <Loaded state={state}>
      {({ shared, messages }) => (
        <div class="thread-page">
          <header class="thread-head shared-head">
            <div>
              <h1 title={shared.title}>{shared.title}</h1>
              <p class="hint">{t("shared.by", { name: shared.shared_by, time: moment(shared.expires_at) })}</p>
            </div>
            <Button kind="primary" icon="split" onClick={fork}>{t("shared.fork")}</Button>
          </header>
          <div class="thread" tabIndex={0} role="region" aria-label={t("ask.thread")}><Messages messages={messages} /></div>
          <p class="shared-foot hint">{t("shared.foot")}</p>
        </div>
      )}
    </Loaded>
  );
}

function Messages({ messages }: { messages: Message[] }) {
  const [chosen, setChosen] = useState<ReadonlyMap<string, string>>(new Map());
  return (
    <>
      {thread(messages, chosen).map(({ message, siblings }) => {
        const at = siblings.indexOf(message);
        const walk = (to: Message) => setChosen((now) => new Map(now).set(message.parent_message_id ?? "", to.id));
        const branches = siblings.length > 1 && (
          <span class="branches" role="group" aria-label={t("ask.branches")}>
            <Button kind="quiet" icon="left" label={t("ask.branch.before")} disabled={at === 0} onClick={() => walk(siblings[at - 1]!)} />
            <span>{at + 1} / {siblings.length}</span>
            <Button kind="quiet" icon="right" label={t("ask.branch.after")} disabled={at === siblings.length - 1} onClick={() => walk(siblings[at + 1]!)} />
          </span>
        );
        return message.role === "user" ? (
          <article key={message.id} class="question" aria-label={t("ask.question")}><p class="bubble">{message.content}</p><div class="message-row">{branches}</div></article>
        ) : (
          <article key={message.id} class="answer" aria-label={t("ask.answer")}>
            <Markdown text={message.content} cite={(number) => message.sources.some((source) => source.number === number) ? <Cited number={number} sources={message.sources} /> : null} />
            <Sources sources={message.sources} />
            <div class="message-row">{branches}</div>
          </article>
        );
      })}
    </>
  );
}

/** What the source panel shows; null for a document that the caller cannot see. */
function placeOf(source: Schemas["SharedSource"]): Citation | null {
  if (!source.document_id) return null;
  return { document_id: source.document_id, chunk_id: "", title: source.title ?? "", page: source.page ?? null, section: source.section ?? null, quote: source.quote ?? "", number: source.number };
}

function Cited({ number, sources }: { number: number; sources: Schemas["SharedSource"][] }) {
  const source = sources.find((other) => other.number === number);
  const place = source && placeOf(source);
  if (!place) return <span class="cite pending" title={t("shared.hidden")}>{number}</span>;
  return <button type="button" class="cite" aria-label={t("source.open", { number, title: place.title })} title={`${place.title}\n“${place.quote}”`} onClick={() => citation.set(place)}>{number}</button>;
}

function Sources({ sources }: { sources: Schemas["SharedSource"][] }) {
  const hidden = sources.filter((source) => !source.document_id).length;
  return (
    <>
      <ol class="sources" aria-label={t("ask.sources")}>
        {sources.map((source) => {
          const place = placeOf(source);
          return place && (
            <li key={source.number}>
              <button type="button" onClick={() => citation.set(place)} title={place.quote}>
                <span class="cite" aria-hidden="true">{source.number}</span>
                <span class="source-title">{place.title}</span>
                {place.page !== null && <span class="source-page">{t("source.page", { page: place.page })}</span>}
              </button>
            </li>
          );
        })}
      </ol>
      {hidden > 0 && <p class="hint">{t("shared.hidden.count", { count: hidden })}</p>}
    </>
  );
}

/** The conversations that others show to the caller. */
export function SharedList({ current, onClose }: { current: string | undefined; onClose: () => void }) {
  const state = useLoad(() => all((cursor) => api.get("/shared-conversations", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  return (
    <Loaded state={state}>
      {(items) => items.length === 0 ? <p class="hint pad">{t("shared.none")}</p> : (
        <ul>
          {items.map((item) => (
            <li key={item.id}>
              <a class="conversation" href={href("ask", "shared", item.id)} aria-current={item.id === current ? "page" : undefined} onClick={onClose}>
                <span class="conversation-title">{item.title}</span>
                <span class="conversation-time">{item.shared_by}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  );
}
