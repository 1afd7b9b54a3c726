// The list of conversations, and the search over their messages.
import { useEffect, useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { ago } from "../../format";
import { go, href } from "../../router";
import { useCell } from "../../state";
import { t } from "../../strings";
import { Button, complain, Empty, notify, Spinner } from "../../ui/basics";
import { Choice, SearchBox } from "../../ui/forms";
import * as store from "./conversations";
import { SharedList } from "./shared";

export function ConversationList({ current, onClose }: { current: string | undefined; onClose: () => void }) {
  const shelf = useCell(store.shelf);
  const items = useCell(store.conversations);
  const cursor = useCell(store.nextCursor);
  const [query, setQuery] = useState("");
  const [hits, setHits] = useState<Schemas["MessageHit"][] | null>(null);
  const [named, setNamed] = useState<store.Conversation[] | null>(null);
  useEffect(() => {
    store.load().catch(complain);
  }, [shelf]);
  useEffect(() => {
    const text = query.trim();
    setHits(null);
    setNamed(null);
    if (!text) return;
    const timer = setTimeout(() => {
      api.get("/conversations", { query: { q: text.slice(0, 200), limit: 20 } }).then((page) => setNamed(page.items), complain);
      api.post("/messages/search", { body: { query: text, limit: 20 } }).then((page) => setHits(page.items), complain);
    }, 300);
    return () => clearTimeout(timer);
  }, [query]);
  const text = query.trim();
  const isShared = shelf === "shared" && !text;
  const shown = isShared ? [] : text ? named : items;
  return (
    <nav class="conversations" aria-label={t("ask.list")}>
      <div class="conversations-head">
        <Button kind="primary" icon="plus" onClick={() => { go(href("ask")); onClose(); }}>{t("ask.new")}</Button>
        <Button kind="quiet" icon="close" class="phone-only" label={t("action.close")} onClick={onClose} />
      </div>
      <SearchBox label={t("ask.search")} value={query} onChange={setQuery} />
      {!text && (
        <Choice
          label={t("ask.shelf")}
          value={shelf}
          options={[
            { value: "active", text: t("ask.active") },
            { value: "archived", text: t("ask.archived") },
            { value: "deleted", text: t("ask.deleted") },
            { value: "shared", text: t("ask.shared") },
          ]}
          onChange={(value) => { store.conversations.set(null); store.shelf.set(value); }}
        />
      )}
      {isShared && <SharedList current={current} onClose={onClose} />}
      {shown === null && <Spinner />}
      {shown?.length === 0 && !text && !isShared && <Empty icon="ask" title={t(shelf === "active" ? "ask.none" : "ask.none.shelf")} />}
      <ul>
        {shown?.map((item) => (
          <li key={item.id}>
            {shelf === "deleted" ? (
              <div class="conversation">
                <span class="conversation-title">{item.title}</span>
                <Button kind="quiet" onClick={() => restore(item.id)}>{t("action.restore")}</Button>
              </div>
            ) : (
              <a class="conversation" href={href("ask", item.id)} aria-current={item.id === current ? "page" : undefined} onClick={onClose}>
                <span class="conversation-title">{item.title}</span>
                <span class="conversation-time">{ago(item.last_message_at ?? item.created_at)}</span>
              </a>
            )}
          </li>
        ))}
      </ul>
      {text && (
        <>
          <h2 class="conversations-part">{t("ask.messages")}</h2>
          {hits === null ? <Spinner /> : hits.length === 0 ? <p class="hint pad">{t("ask.nothing")}</p> : (
            <ul>
              {hits.map((hit) => (
                <li key={hit.message_id}>
                  <a class="conversation" href={`${href("ask", hit.conversation_id)}?message=${hit.message_id}`} onClick={onClose}>
                    <span class="conversation-title">{hit.conversation_title}</span>
                    <span class="conversation-excerpt">{hit.excerpt}</span>
                  </a>
                </li>
              ))}
            </ul>
          )}
        </>
      )}
      {cursor && !text && !isShared && <Button kind="quiet" onClick={() => store.load(true)}>{t("action.more")}</Button>}
    </nav>
  );
}

async function restore(id: string): Promise<void> {
  await api.post("/conversations/{conversation_id}/restore", { path: { conversation_id: id } });
  store.remove(id);
  notify(t("ask.restored"));
}
