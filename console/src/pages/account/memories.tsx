// What is remembered: shown, changed, forgotten.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { ago, percent } from "../../format";
import { href } from "../../router";
import { name, t } from "../../strings";
import { Badge, Button, Empty, Loaded, notify, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";

type Memory = Schemas["Memory"];
const kinds = enums.MemoryKind as Schemas["MemoryKind"][];

export function Memories() {
  const [editing, setEditing] = useState<Memory | "new" | null>(null);
  const state = useLoad(() => all((cursor) => api.get("/memories", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  const forgetOne = async (memory: Memory) => {
    await api.delete("/memories/{memory_id}", { path: { memory_id: memory.id } });
    await state.reload();
    notify(t("memory.forgotten"), async () => {
      await api.post("/memories", { body: { content: memory.content, kind: memory.kind, importance: memory.importance } });
      await state.reload();
    });
  };
  const old = editing === "new" ? null : editing;
  return (
    <>
      <p class="hint">{t("memory.lead")} <a href={href("account", "preferences")}>{t("account.preferences")}</a></p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setEditing("new")}>{t("memory.new")}</Button></div>
      <Loaded state={state}>
        {(memories) => memories.length === 0 ? <Empty icon="text" title={t("memory.none")} /> : (
          <ul class="cards">
            {memories.map((memory) => (
              <li key={memory.id} class="card">
                <p>{memory.content}</p>
                <p class="hint"><Badge>{name("memory", memory.kind)}</Badge> {name("memory.source", memory.source)} · {ago(memory.created_at)} · {t("memory.importance", { share: percent(memory.importance) })}</p>
                <div class="row">
                  {memory.conversation_id && <a class="button quiet" href={`${href("ask", memory.conversation_id)}?message=${memory.message_id ?? ""}`}>{t("memory.from")}</a>}
                  <span class="grow" />
                  <Button kind="quiet" icon="edit" label={t("action.edit")} onClick={() => setEditing(memory)} />
                  <Button kind="quiet" icon="trash" label={t("memory.forget")} onClick={() => forgetOne(memory)} />
                </div>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {editing && (
        <FormDialog
          title={t(old ? "action.edit" : "memory.new")} action={t("action.save")} onClose={() => setEditing(null)}
          entries={[
            { name: "content", label: t("field.text"), kind: "long", required: true, value: old?.content, maxLength: 4000 },
            { name: "kind", label: t("field.kind"), kind: "choice", value: old?.kind ?? "fact", options: kinds.map((value) => ({ value, text: name("memory", value) })) },
            { name: "importance", label: t("memory.weight"), kind: "number", min: 0, max: 1, value: old?.importance ?? 0.5 },
          ]}
          onSubmit={async (values) => {
            if (old) await api.patch("/memories/{memory_id}", { path: { memory_id: old.id }, body: values as Schemas["MemoryChanges"] });
            else await api.post("/memories", { body: values as Schemas["NewMemory"] });
            await state.reload();
          }}
        />
      )}
    </>
  );
}
