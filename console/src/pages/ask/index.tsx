// Ask: the conversations, the open one, and the source of a citation beside it.
import { useEffect, useState } from "preact/hooks";
import { route } from "../../router";
import { Cell, useCell } from "../../state";
import { t } from "../../strings";
import { Button } from "../../ui/basics";
import { SourcePanel, type Citation } from "../../ui/source";
import { ConversationList } from "./list";
import { ConversationPage, NewConversation } from "./conversation";
import { SharedPage } from "./shared";

export const citation = new Cell<Citation | null>(null);

export function Ask() {
  const { parts, query } = useCell(route);
  const opened = useCell(citation);
  const [isListOpen, setListOpen] = useState(false);
  const isShared = parts[0] === "ask" && parts[1] === "shared";
  const id = isShared ? parts[2] : parts[0] === "ask" ? parts[1] : undefined;
  useEffect(() => {
    citation.set(null);
    setListOpen(false);
  }, [id]);
  return (
    <div class={`ask ${opened ? "with-source" : ""}`}>
      <div class={`ask-list ${isListOpen ? "open" : ""}`}>
        <ConversationList current={id} onClose={() => setListOpen(false)} />
      </div>
      <section class="ask-main" aria-label={t("ask.conversation")}>
        <div class="ask-bar">
          <Button kind="quiet" icon="menu" label={t("ask.list")} expanded={isListOpen} onClick={() => setListOpen(!isListOpen)} />
        </div>
        {!id ? <NewConversation key="new" /> : isShared ? <SharedPage key={id} id={id} /> : <ConversationPage key={id} id={id} message={query.get("message")} />}
      </section>
      {opened && <SourcePanel key={`${opened.chunk_id}:${opened.quote}`} citation={opened} onClose={() => citation.set(null)} />}
    </div>
  );
}
