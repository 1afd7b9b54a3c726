// Which documents a question, a conversation, a search or an assistant uses.
import { useEffect, useState } from "preact/hooks";
import { api, type Schemas } from "../api";
import { t } from "../strings";
import { Button, complain, Dialog, Loaded, useLoad } from "./basics";
import { SearchBox, Toggle } from "./forms";

type Filters = Schemas["SearchFilters"];

export function countOf(filters: Filters): number {
  const lists = [filters.documents, filters.repositories, filters.tags, filters.source_types];
  const dates = [filters.created_after, filters.created_before].filter(Boolean).length;
  return lists.reduce((sum, list) => sum + (list?.length ?? 0), dates);
}

export function ScopeButton({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => unknown }) {
  const [isOpen, setOpen] = useState(false);
  const count = countOf(filters);
  const only = count === 1 ? filters.documents?.[0] : undefined;
  const title = useLoad(async () => (only ? (await api.get("/documents/{document_id}", { path: { document_id: only } })).title : ""), [only]);
  const some = only && title.data ? t("scope.only", { title: title.data }) : t("scope.some", { count });
  return (
    <>
      <Button kind="quiet" icon="scope" pressed={count > 0} onClick={() => setOpen(true)}>
        <span class="short">{count ? some : t("scope.all")}</span>
      </Button>
      {isOpen && <ScopeDialog filters={filters} onClose={() => setOpen(false)} onSave={(changed) => { setOpen(false); onChange(changed); }} />}
    </>
  );
}

interface Option {
  id: string;
  text: string;
}

function ScopeDialog({ filters, onClose, onSave }: { filters: Filters; onClose: () => void; onSave: (filters: Filters) => void }) {
  const [draft, setDraft] = useState<Filters>(filters);
  const set = (name: "documents" | "repositories" | "tags", list: string[]) => setDraft((now) => ({ ...now, [name]: list.length ? list : null }));
  const date = (value: string | null | undefined) => (value ? value.slice(0, 10) : "");
  const setDate = (name: "created_after" | "created_before", value: string) => setDraft((now) => ({ ...now, [name]: value ? `${value}T00:00:00Z` : null }));
  return (
    <Dialog
      wide
      title={t("scope.title")}
      onClose={onClose}
      actions={<>
        <Button onClick={() => setDraft({})}>{t("scope.clear")}</Button>
        <span class="grow" />
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="primary" onClick={() => onSave(Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== null)))}>{t("scope.use")}</Button>
      </>}
    >
      <p class="hint">{t("scope.text")}</p>
      <div class="columns">
        <Pick
          title={t("page.documents")}
          chosen={draft.documents ?? []}
          onChange={(list) => set("documents", list)}
          find={async (q) => (await api.get("/documents", { query: { limit: 50, ...(q && { q }) } })).items.filter((item) => item.chunk_count > 0).map((item) => ({ id: item.id, text: item.title }))}
          nameOf={async (id) => (await api.get("/documents/{document_id}", { path: { document_id: id } })).title}
        />
        <Pick title={t("page.repositories")} chosen={draft.repositories ?? []} onChange={(list) => set("repositories", list)} find={async (q) => (await api.get("/repositories", { query: { limit: 50, ...(q && { q }) } })).items.map((item) => ({ id: item.id, text: item.name }))} />
        <Pick title={t("page.tags")} chosen={draft.tags ?? []} onChange={(list) => set("tags", list)} find={async (q) => (await api.get("/tags", { query: { limit: 50, ...(q && { q }) } })).items.map((item) => ({ id: item.id, text: item.name }))} />
      </div>
      <div class="row">
        <label class="field">{t("scope.after")}<input type="date" value={date(draft.created_after)} onInput={(event) => setDate("created_after", event.currentTarget.value)} /></label>
        <label class="field">{t("scope.before")}<input type="date" value={date(draft.created_before)} onInput={(event) => setDate("created_before", event.currentTarget.value)} /></label>
      </div>
    </Dialog>
  );
}

interface PickProps {
  title: string;
  chosen: string[];
  onChange: (list: string[]) => void;
  find: (query: string) => Promise<Option[]>;
  nameOf?: (id: string) => Promise<string>;
}

/** A list to choose from; what is chosen stays in sight whatever is looked for. */
function Pick({ title, chosen, onChange, find, nameOf }: PickProps) {
  const [query, setQuery] = useState("");
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  const state = useLoad(() => find(query.trim()), [query]);
  useEffect(() => {
    if (!state.data) return;
    setNames((known) => new Map([...known, ...state.data!.map((option) => [option.id, option.text] as const)]));
  }, [state.data]);
  useEffect(() => {
    for (const id of chosen.slice(0, 20)) {
      if (nameOf && !names.has(id)) nameOf(id).then((text) => setNames((known) => new Map(known).set(id, text)), complain);
    }
  }, []);
  if (query === "" && chosen.length === 0 && state.data?.length === 0 && !nameOf) return null; // there are none at all
  return (
    <fieldset class="pick">
      <legend>{title}</legend>
      <SearchBox label={t("action.find")} value={query} onChange={setQuery} />
      <div class="pick-list">
        {chosen.map((id) => <Toggle key={id} label={names.get(id) ?? "…"} value onChange={() => onChange(chosen.filter((other) => other !== id))} />)}
        <Loaded state={state}>
          {(options) => (
            <>
              {options.filter((option) => !chosen.includes(option.id)).map((option) => (
                <Toggle key={option.id} label={option.text} value={false} onChange={() => onChange([...chosen, option.id])} />
              ))}
              {options.length === 0 && chosen.length === 0 && <p class="hint">{t("scope.none")}</p>}
            </>
          )}
        </Loaded>
      </div>
    </fieldset>
  );
}
