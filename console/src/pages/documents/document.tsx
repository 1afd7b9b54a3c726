// One document: what is known about it, its text, and its chunks as they were cut.
import { useRef, useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { values as enums } from "../../api-words.json";
import { bytes, moment, number } from "../../format";
import { go, href } from "../../router";
import { name, said, t } from "../../strings";
import { Button, complain, confirm, Empty, Loaded, Menu, notify, useEvery, useLoad } from "../../ui/basics";
import { FormDialog, Toggle } from "../../ui/forms";
import { Icon } from "../../ui/icons";
import { isPdf, openOriginal, originalAt, PdfPage } from "../../ui/source";
import { Table } from "../administer/table";
import { send } from "./sending";
import { MoveDialog } from "./spaces";
import { Ingestion, Status, Warnings } from "./status";
import type { Document } from "./uploads";

type Tab = "text" | "pages" | "chunks" | "children" | "versions";

export function DocumentPage({ id }: { id: string }) {
  const path = { document_id: id };
  const state = useLoad(() => api.get("/documents/{document_id}", { path }), []);
  const isMoving = state.data?.status === "pending" || state.data?.status === "processing";
  useEvery(isMoving ? 1500 : null, state.reload);
  return (
    <div class="page">
      <Loaded state={state}>
        {(document) => (
          <>
            <Head document={document} reload={state.reload} />
            <Warnings warnings={document.warnings} />
            {document.error && <p class="form-error"><Icon name="warning" /> {said("failures", document.error.code, document.error.message)} <a href={`problems/${document.error.code}`} target="_blank" rel="noreferrer">{t("document.why")}</a></p>}
            {isMoving && <Ingestion document={document} />}
            <Facts document={document} reload={state.reload} />
            <Views document={document} />
          </>
        )}
      </Loaded>
    </div>
  );
}

function Head({ document, reload }: { document: Document; reload: () => Promise<void> }) {
  const [isRenaming, setRenaming] = useState(false);
  const [isMoving, setMoving] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const path = { document_id: document.id };
  const archive = async () => {
    await api.patch("/documents/{document_id}", { path, body: { is_archived: !document.is_archived } });
    await reload();
  };
  const erase = async () => {
    if (!(await confirm(t("documents.delete", { count: 1 }), t("documents.delete.text", { count: 1 }), t("action.delete")))) return;
    await api.delete("/documents/{document_id}", { path });
    go(href("documents"));
    notify(t("documents.deleted"), () => api.post("/documents/{document_id}/restore", { path }));
  };
  const replace = async (file: File) => {
    const body = { filename: file.name, size_bytes: file.size, ...(file.type && { content_type: file.type }) };
    const announced = await api.put("/documents/{document_id}/content", { path, body });
    await send(announced, file, () => undefined);
    notify(t("document.replaced"));
    await reload();
  };
  return (
    <header class="page-head">
      <div>
        <a class="back" href={href("documents")}><Icon name="left" />{t("page.documents")}</a>
        <h1>{document.title}</h1>
        <p class="hint">{document.filename}</p>
      </div>
      <div class="row">
        <Status document={document} />
        <Menu
          label={t("documents.more")}
          entries={[
            { text: t("action.rename"), icon: "edit", act: () => setRenaming(true) },
            { text: t("source.original"), icon: "external", act: () => openOriginal(document.id, null) },
            { text: t("document.replace"), icon: "upload", act: () => picker.current!.click() },
            { text: t("documents.move", { count: 1 }), icon: "account", act: () => setMoving(true) },
            { text: t("documents.reindex"), icon: "again", act: async () => { await api.post("/documents/{document_id}/reindex", { path }); await reload(); } },
            { text: t(document.is_archived ? "action.unarchive" : "action.archive"), icon: "archive", act: archive },
            { text: t("action.delete"), icon: "trash", danger: true, act: erase },
          ]}
        />
      </div>
      <input ref={picker} type="file" hidden aria-label={t("document.replace")} onChange={(event) => { const file = event.currentTarget.files?.[0]; if (file) replace(file).catch(complain); }} />
      {isMoving && <MoveDialog ids={[document.id]} onClose={() => setMoving(false)} onDone={reload} />}
      {isRenaming && (
        <FormDialog title={t("action.rename")} action={t("action.save")} onClose={() => setRenaming(false)}
          entries={[{ name: "title", label: t("field.title"), required: true, value: document.title, maxLength: 500 }]}
          onSubmit={async (values) => { await api.patch("/documents/{document_id}", { path, body: { title: String(values["title"]) } }); await reload(); }} />
      )}
    </header>
  );
}

/** Metadata as lines, `name: value`; a number, true and false are what they look like. */
export function readMetadata(text: string): Record<string, string | number | boolean> {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(":");
    const value = line.slice(at + 1).trim();
    const isNumber = /^-?(0|[1-9]\d{0,14})(\.\d{1,10})?$/.test(value);
    return [line.slice(0, at).trim(), value === "true" || value === "false" ? value === "true" : isNumber ? Number(value) : value];
  }));
}

function Metadata({ document, reload }: { document: Document; reload: () => Promise<void> }) {
  const [isEditing, setEditing] = useState(false);
  const entries = Object.entries(document.metadata as Record<string, unknown>);
  return (
    <div class="chips">
      <span class="hint">{t("document.metadata")}</span>
      {entries.map(([key, value]) => <span key={key} class="badge">{key}: {String(value)}</span>)}
      {entries.length === 0 && <span>–</span>}
      <Button kind="quiet" icon="edit" label={t("document.metadata.edit")} onClick={() => setEditing(true)} />
      {isEditing && (
        <FormDialog title={t("document.metadata")} action={t("action.save")} onClose={() => setEditing(false)}
          entries={[{ name: "lines", label: t("document.metadata.lines"), kind: "long", hint: t("document.metadata.hint"), value: entries.map(([key, value]) => `${key}: ${String(value)}`).join("\n") }]}
          onSubmit={async (values) => {
            await api.patch("/documents/{document_id}", { path: { document_id: document.id }, body: { metadata: readMetadata(String(values["lines"] ?? "")) } });
            await reload();
          }} />
      )}
    </div>
  );
}

function Facts({ document, reload }: { document: Document; reload: () => Promise<void> }) {
  const original = originalAt(document.original_url, null);
  const facts: [string, string][] = [
    [t("field.scope"), name("scope", document.scope)],
    [t("field.size"), bytes(document.size_bytes)],
    [t("field.type"), document.content_type ?? "–"],
    [t("field.source"), name(enums.ConnectorType.includes(document.source_type) ? "outside" : "origin", document.source_type)],
    [t("field.chunks"), number(document.chunk_count)],
    [t("field.added"), moment(document.created_at)],
    [t("field.indexed"), moment(document.indexed_at)],
    ...(document.file_modified_at ? [[t("field.modified"), moment(document.file_modified_at)] as [string, string]] : []),
  ];
  return (
    <section class="card document-facts">
      <dl class="facts">{facts.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>
      {document.parent_id && <p><a href={href("documents", document.parent_id)}>{t("document.parent")}</a></p>}
      <Use document={document} />
      <DocumentTags id={document.id} />
      <Metadata document={document} reload={reload} />
      {original && <p><a href={original} target="_blank" rel="noopener noreferrer"><Icon name="external" /> {t("source.there")}</a></p>}
    </section>
  );
}

/** Whether the caller's own searches use the document. */
function Use({ document }: { document: Document }) {
  const state = useLoad(async () => {
    const page = await api.get("/selection", { query: { q: document.title.slice(0, 200), limit: 100 } });
    return page.items.find((item) => item.id === document.id)?.enabled ?? true;
  }, []);
  const set = async (enabled: boolean) => {
    await api.put("/selection/documents/{document_id}", { path: { document_id: document.id }, body: { enabled } });
    state.change(() => enabled);
  };
  return <Toggle label={t("document.use")} hint={t("document.use.hint")} value={state.data ?? true} onChange={(on) => set(on).catch(complain)} />;
}

function DocumentTags({ id }: { id: string }) {
  const [isAdding, setAdding] = useState(false);
  const state = useLoad(async () => {
    const [own, every] = await Promise.all([api.get("/tags", { query: { document_id: id, limit: 100 } }), api.get("/tags", { query: { limit: 100 } })]);
    return { own: own.items, others: every.items.filter((tag) => !own.items.some((other) => other.id === tag.id)) };
  }, [id]);
  const path = (tag: Schemas["Tag"] | string) => ({ path: { tag_id: typeof tag === "string" ? tag : tag.id, document_id: id } });
  const detach = async (tag: Schemas["Tag"]) => {
    await api.delete("/tags/{tag_id}/documents/{document_id}", path(tag));
    await state.reload();
  };
  return (
    <div class="chips">
      <span class="hint">{t("page.tags")}</span>
      {state.data?.own.map((tag) => <span key={tag.id} class="chip">{tag.name}<Button kind="quiet" icon="close" label={t("document.untag", { tag: tag.name })} onClick={() => detach(tag)} /></span>)}
      {state.data && state.data.others.length > 0 && <Button kind="quiet" icon="plus" onClick={() => setAdding(true)}>{t("documents.tag")}</Button>}
      {state.data?.own.length === 0 && state.data.others.length === 0 && <span>–</span>}
      {isAdding && (
        <FormDialog title={t("documents.tag")} action={t("action.add")} onClose={() => setAdding(false)}
          entries={[{ name: "tag", label: t("field.tag"), kind: "choice", options: state.data!.others.map((tag) => ({ value: tag.id, text: tag.name })) }]}
          onSubmit={async (values) => { await api.put("/tags/{tag_id}/documents/{document_id}", path(String(values["tag"]))); await state.reload(); }} />
      )}
    </div>
  );
}

function Views({ document }: { document: Document }) {
  const [tab, setTab] = useState<Tab>("text");
  const [hasFailed, setFailed] = useState(false);
  const tabs: { value: Tab; text: string }[] = [
    { value: "text", text: t("document.text") },
    ...(isPdf(document) ? [{ value: "pages" as const, text: t("pdf.pages") }] : []),
    { value: "chunks", text: t("document.chunks") },
    ...(document.child_count ? [{ value: "children" as const, text: t("document.children", { count: document.child_count }) }] : []),
    { value: "versions", text: t("document.versions") },
  ];
  return (
    <section class="card">
      <div class="tabs" role="group" aria-label={t("document.views")}>
        {tabs.map((item) => <button key={item.value} type="button" aria-pressed={item.value === tab} onClick={() => setTab(item.value)}>{item.text}</button>)}
      </div>
      {tab === "pages" && (hasFailed ? <Empty icon="warning" title={t("pdf.failed")} /> : <PdfPage id={document.id} page={1} quote="" onFail={() => setFailed(true)} />)}
      {tab === "text" && <Text key={document.indexed_at} document={document} />}
      {tab === "chunks" && <Chunks key={document.indexed_at} id={document.id} />}
      {tab === "children" && <Children id={document.id} />}
      {tab === "versions" && <Versions key={document.indexed_at} id={document.id} />}
    </section>
  );
}

const MOST_SHOWN = 100_000;

function Text({ document }: { document: Document }) {
  const state = useLoad(async () => (document.chunk_count || document.status === "completed" ? (await api.get("/documents/{document_id}/content", { path: { document_id: document.id } })).text : ""), []);
  return (
    <Loaded state={state}>
      {(text) => text === "" ? <Empty icon="text" title={t(document.status === "failed" ? "document.unread" : "document.no.text")} /> : (
        <>
          <p class="passage">{text.slice(0, MOST_SHOWN)}</p>
          {text.length > MOST_SHOWN && <p class="hint">{t("document.cut", { count: number(MOST_SHOWN) })}</p>}
        </>
      )}
    </Loaded>
  );
}

function Chunks({ id }: { id: string }) {
  const path = { document_id: id };
  const state = useLoad(() => api.get("/documents/{document_id}/chunks", { path, query: { limit: 30 } }), []);
  const more = async () => {
    const page = await api.get("/documents/{document_id}/chunks", { path, query: { limit: 30, cursor: state.data!.next_cursor! } });
    state.change((data) => ({ ...page, items: [...data.items, ...page.items] }));
  };
  return (
    <Loaded state={state}>
      {(page) => page.items.length === 0 ? <Empty icon="text" title={t("document.no.text")} /> : (
        <>
          <ol class="chunks">
            {page.items.map((chunk) => (
              <li key={chunk.id}>
                <p class="hint">{[`#${chunk.chunk_index}`, chunk.page !== null && t("source.page", { page: chunk.page }), chunk.section, t("document.tokens", { count: chunk.token_count })].filter(Boolean).join(" · ")}</p>
                {chunk.columns && <p class="hint">{chunk.columns}</p>}
                <p class="passage">{chunk.text}</p>
              </li>
            ))}
          </ol>
          {page.next_cursor && <Button onClick={more}>{t("action.more")}</Button>}
        </>
      )}
    </Loaded>
  );
}

function Children({ id }: { id: string }) {
  const state = useLoad(() => api.get("/documents", { query: { parent_id: id, limit: 100 } }), []);
  return (
    <Loaded state={state}>
      {(page) => <ul class="plain-list">{page.items.map((child) => <li key={child.id}><a href={href("documents", child.id)}>{child.title}</a> <Status document={child} /></li>)}</ul>}
    </Loaded>
  );
}

/** When which bytes became searchable, and who sent them. */
function Versions({ id }: { id: string }) {
  const state = useLoad(async () => (await api.get("/documents/{document_id}/versions", { path: { document_id: id }, query: { limit: 100 } })).items, []);
  return (
    <>
      <p class="hint">{t("document.versions.lead")}</p>
      <Table
        state={state} id={(item) => item.id} title={(item) => item.filename} icon="clock" empty={t("document.versions.none")}
        columns={[
          { text: t("prompts.version"), cell: (item) => <><span class="strong">{t("prompts.number", { number: item.version })}</span><span class="hint">{item.filename}</span></> },
          { text: t("field.size"), class: "wide-only number", cell: (item) => bytes(item.size_bytes) },
          { text: t("document.sent.by"), cell: (item) => item.sent_by ?? "–" },
          { text: t("field.indexed"), cell: (item) => moment(item.created_at) },
        ]}
      />
    </>
  );
}
