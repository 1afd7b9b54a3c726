// The list of documents: filters, bulk actions, and where files are dropped.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { ago, bytes } from "../../format";
import { href } from "../../router";
import { Cell, useCell } from "../../state";
import { name, said, t } from "../../strings";
import { Button, complainAboutEach, confirm, Empty, Loaded, Menu, notify, useEvery, useLoad } from "../../ui/basics";
import { Choice, FormDialog, SearchBox } from "../../ui/forms";
import { downloadAll, MoveDialog } from "./spaces";
import { Status } from "./status";
import { Tray, UploadBar } from "./upload-bar";
import { finished, type Document } from "./uploads";

interface Filter {
  q: string;
  status: "" | Schemas["DocumentStatus"] | "partly";
  shelf: "active" | "archived" | "deleted";
  repository: string;
  tag: string;
}

const filter = new Cell<Filter>({ q: "", status: "", shelf: "active", repository: "", tag: "" });

function load({ q, status, shelf, repository, tag }: Filter, cursor?: string) {
  return api.get("/documents", {
    query: {
      limit: 50,
      ...(q.trim() && { q: q.trim() }),
      ...(status === "partly" ? { has_warnings: true } : status && { status }),
      ...(shelf !== "active" && { [shelf]: true }),
      ...(repository && { repository }),
      ...(tag && { tag }),
      ...(cursor && { cursor }),
    },
  });
}

export function DocumentList() {
  const now = useCell(filter);
  const done = useCell(finished);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const state = useLoad(() => load(now), [now, done]);
  const groups = useLoad(async () => {
    const [repositories, tags] = await Promise.all([api.get("/repositories", { query: { limit: 100 } }), api.get("/tags", { query: { limit: 100 } })]);
    return { repositories: repositories.items, tags: tags.items };
  }, []);
  const isMoving = state.data?.items.some((item) => item.status === "pending" || item.status === "processing") ?? false;
  useEvery(isMoving ? 3000 : null, state.reload);
  useEffect(() => setChosen(new Set()), [now]);
  const set = (changes: Partial<Filter>) => filter.set({ ...now, ...changes });
  const more = async () => {
    const page = await load(now, state.data?.next_cursor ?? undefined);
    state.change((data) => ({ ...page, items: [...data.items, ...page.items] }));
  };
  const reload = () => {
    setChosen(new Set());
    return state.reload();
  };
  const options = (items: { id: string; name: string }[] | undefined, every: string) => [{ value: "", text: every }, ...(items ?? []).map((item) => ({ value: item.id, text: item.name }))];
  return (
    <>
      <UploadBar repositories={groups.data?.repositories ?? []} tags={groups.data?.tags ?? []} />
      <Tray />
      <div class="filters">
        <SearchBox label={t("documents.find")} value={now.q} onChange={(q) => set({ q })} />
        <Choice label={t("documents.shelf")} value={now.shelf} onChange={(shelf) => set({ shelf })} options={[{ value: "active", text: t("documents.active") }, { value: "archived", text: t("status.archived") }, { value: "deleted", text: t("status.deleted") }]} />
        <Choice label={t("field.status")} value={now.status} onChange={(status) => set({ status })} options={[{ value: "", text: t("documents.every.status") }, ...(["pending", "processing", "completed", "partly", "failed"] as const).map((value) => ({ value, text: name("status", value) }))]} />
        {(groups.data?.repositories.length || now.repository) && <Choice label={t("field.repository")} value={now.repository} onChange={(repository) => set({ repository })} options={options(groups.data?.repositories, t("documents.every.repository"))} />}
        {(groups.data?.tags.length || now.tag) && <Choice label={t("field.tag")} value={now.tag} onChange={(tag) => set({ tag })} options={options(groups.data?.tags, t("documents.every.tag"))} />}
      </div>
      {chosen.size > 0 && <Bulk chosen={chosen} shelf={now.shelf} onDone={reload} onClear={() => setChosen(new Set())} repositories={groups.data?.repositories ?? []} tags={groups.data?.tags ?? []} />}
      <Loaded state={state}>
        {(page) => page.items.length === 0 ? (
          <Empty icon="documents" title={t(now.q || now.status || now.repository || now.tag || now.shelf !== "active" ? "documents.nothing" : "documents.none")} />
        ) : (
          <>
            <div class="scroll">
              <table class="list">
                <thead>
                  <tr>
                    <th scope="col"><Check label={t("documents.all")} isChecked={chosen.size === page.items.length} isPartly={chosen.size > 0 && chosen.size < page.items.length} onChange={(on) => setChosen(new Set(on ? page.items.map((item) => item.id) : []))} /></th>
                    <th scope="col">{t("field.title")}</th>
                    <th scope="col">{t("field.status")}</th>
                    <th scope="col" class="wide-only">{t("field.scope")}</th>
                    <th scope="col" class="wide-only number">{t("field.size")}</th>
                    <th scope="col" class="wide-only">{t("field.added")}</th>
                  </tr>
                </thead>
                <tbody>
                  {page.items.map((item) => <Row key={item.id} document={item} isChosen={chosen.has(item.id)} onChoose={(on) => setChosen((before) => { const after = new Set(before); if (on) after.add(item.id); else after.delete(item.id); return after; })} />)}
                </tbody>
              </table>
            </div>
            {page.next_cursor && <Button onClick={more}>{t("action.more")}</Button>}
          </>
        )}
      </Loaded>
    </>
  );
}

function Check({ label, isChecked, isPartly = false, onChange }: { label: string; isChecked: boolean; isPartly?: boolean; onChange: (on: boolean) => void }) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = isPartly;
  }, [isPartly]);
  return <input ref={box} type="checkbox" aria-label={label} checked={isChecked} onChange={(event) => onChange(event.currentTarget.checked)} />;
}

function Row({ document, isChosen, onChoose }: { document: Document; isChosen: boolean; onChoose: (on: boolean) => void }) {
  return (
    <tr>
      <td><Check label={t("documents.choose", { title: document.title })} isChecked={isChosen} onChange={onChoose} /></td>
      <td class="main-cell">
        <a href={href("documents", document.id)}>{document.title}</a>
        {document.filename !== document.title && <span class="hint">{document.filename}</span>}
        {document.error && <span class="field-error">{said("failures", document.error.code, document.error.message)}</span>}
        {document.warnings[0] && <span class="hint">{said("warnings", document.warnings[0].code, document.warnings[0].message)}</span>}
      </td>
      <td><Status document={document} /></td>
      <td class="wide-only">{name("scope", document.scope)}</td>
      <td class="wide-only number">{bytes(document.size_bytes)}</td>
      <td class="wide-only">{ago(document.created_at)}</td>
    </tr>
  );
}

interface BulkProps {
  chosen: ReadonlySet<string>;
  shelf: Filter["shelf"];
  repositories: Schemas["Repository"][];
  tags: Schemas["Tag"][];
  onDone: () => Promise<void>;
  onClear: () => void;
}

function Bulk({ chosen, shelf, repositories, tags, onDone, onClear }: BulkProps) {
  const [asking, setAsking] = useState<"tag" | "repository" | "space" | "share" | null>(null);
  const ids = [...chosen];
  const each = async (act: (id: string) => Promise<unknown>) => {
    const failures: unknown[] = [];
    for (const id of ids) await act(id).catch((error: unknown) => failures.push(error));
    complainAboutEach(failures);
    await onDone();
    if (failures.length < ids.length) notify(t("documents.done", { count: ids.length - failures.length }));
  };
  const path = (id: string) => ({ path: { document_id: id } });
  const use = async (mode: "only" | "all_but") => {
    const counts = await api.put("/selection", { body: { mode, documents: ids } });
    notify(t("documents.used", { count: counts.enabled }), () => api.put("/selection", { body: { mode: "all_but", documents: [] } }));
  };
  const erase = async () => {
    if (!(await confirm(t("documents.delete", { count: ids.length }), t("documents.delete.text", { count: ids.length }), t("action.delete")))) return;
    await each((id) => api.delete("/documents/{document_id}", path(id)));
    notify(t("documents.deleted"), () => each((id) => api.post("/documents/{document_id}/restore", path(id))));
  };
  return (
    <div class="bulk" role="toolbar" aria-label={t("documents.bulk")}>
      <span>{t("documents.chosen", { count: ids.length })}</span>
      {shelf === "deleted" ? <Button icon="again" onClick={() => each((id) => api.post("/documents/{document_id}/restore", path(id)))}>{t("action.restore")}</Button> : (
        <>
          <Button icon="tag" disabled={tags.length === 0} onClick={() => setAsking("tag")}>{t("documents.tag")}</Button>
          <Button icon="folder" disabled={repositories.length === 0} onClick={() => setAsking("repository")}>{t("documents.place")}</Button>
          <Button icon="archive" onClick={() => each((id) => api.patch("/documents/{document_id}", { ...path(id), body: { is_archived: shelf !== "archived" } }))}>{t(shelf === "archived" ? "action.unarchive" : "action.archive")}</Button>
          <Button icon="trash" onClick={erase}>{t("action.delete")}</Button>
          <Menu
            label={t("documents.more")}
            entries={[
              { text: t("documents.only"), icon: "check", act: () => use("only") },
              { text: t("documents.without"), icon: "close", act: () => use("all_but") },
              { text: t("documents.move", { count: ids.length }), icon: "account", act: () => setAsking("space") },
              { text: t("documents.share"), icon: "out", act: () => setAsking("share") },
              { text: t("documents.download"), icon: "download", act: () => downloadAll(ids) },
              { text: t("documents.reindex"), icon: "again", act: () => each((id) => api.post("/documents/{document_id}/reindex", path(id))) },
            ]}
          />
        </>
      )}
      <Button kind="quiet" icon="close" label={t("action.clear")} onClick={onClear} />
      {asking === "tag" && (
        <FormDialog title={t("documents.tag")} action={t("action.save")} onClose={() => setAsking(null)}
          entries={[{ name: "tag", label: t("field.tag"), kind: "choice", options: tags.map((tag) => ({ value: tag.id, text: tag.name })) }]}
          onSubmit={(values) => each((id) => api.put("/tags/{tag_id}/documents/{document_id}", { path: { tag_id: String(values["tag"]), document_id: id } }))} />
      )}
      {(asking === "space" || asking === "share") && <MoveDialog ids={ids} onlyGroups={asking === "share"} onClose={() => setAsking(null)} onDone={onDone} />}
      {asking === "repository" && (
        <FormDialog title={t("documents.place")} action={t("action.save")} onClose={() => setAsking(null)}
          entries={[
            { name: "repository", label: t("field.repository"), kind: "choice", options: repositories.map((item) => ({ value: item.id, text: item.name })) },
            { name: "folder", label: t("field.folder"), hint: t("documents.folder.hint"), maxLength: 200 },
          ]}
          onSubmit={(values) => each(async (id) => {
            const document = await api.get("/documents/{document_id}", path(id));
            const folder = values["folder"] ? `${String(values["folder"]).replace(/^\/+|\/+$/g, "")}/` : "";
            await api.put("/repositories/{repository_id}/documents/{document_id}", { path: { repository_id: String(values["repository"]), document_id: id }, body: { path: folder + document.filename } });
          })} />
      )}
    </div>
  );
}
