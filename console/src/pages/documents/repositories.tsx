// Repositories: collections of documents, each at a path; and their folders.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../api";
import { ago } from "../../format";
import { go, href } from "../../router";
import { name, t } from "../../strings";
import { Badge, Button, confirm, Empty, Loaded, Menu, notify, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Icon } from "../../ui/icons";

type Repository = Schemas["Repository"];

export function Repositories({ id }: { id: string | undefined }) {
  return id ? <OneRepository key={id} id={id} /> : <RepositoryList />;
}

function RepositoryList() {
  const [isAdding, setAdding] = useState(false);
  const [isArchived, setArchived] = useState(false);
  const state = useLoad(() => all((cursor) => api.get("/repositories", { query: { limit: 100, ...(isArchived && { archived: true }), ...(cursor && { cursor }) } })), [isArchived]);
  const spaces = useLoad(async () => (await api.get("/me/storage")).items, []);
  return (
    <>
      <div class="row">
        <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{t("repositories.new")}</Button>
        <Button pressed={isArchived} onClick={() => setArchived(!isArchived)}>{t("status.archived")}</Button>
      </div>
      <Loaded state={state}>
        {(items) => items.length === 0 ? <Empty icon="folder" title={t("repositories.none")} /> : (
          <ul class="cards">
            {items.map((item) => (
              <li key={item.id} class="card">
                <a class="card-title" href={href("documents", "repositories", item.id)}><Icon name="folder" />{item.name}</a>
                {item.description && <p>{item.description}</p>}
                <p class="hint">{name("scope", item.scope)} · {ago(item.created_at)}</p>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {isAdding && (
        <FormDialog
          title={t("repositories.new")}
          action={t("action.create")}
          entries={[
            { name: "name", label: t("field.name"), required: true, maxLength: 255 },
            { name: "description", label: t("field.description"), kind: "long", maxLength: 2000 },
            { name: "space", label: t("field.scope"), kind: "choice", options: (spaces.data ?? []).map((item) => ({ value: item.group_id ?? item.scope, text: item.group_name ?? name("scope", item.scope) })) },
          ]}
          onClose={() => setAdding(false)}
          onSubmit={async (values) => {
            const space = spaces.data?.find((item) => (item.group_id ?? item.scope) === values["space"]);
            const made = await api.post("/repositories", { body: { name: String(values["name"]), description: values["description"] as string | null, scope: space?.scope ?? "user", group_id: space?.group_id ?? null, metadata: {} } });
            go(href("documents", "repositories", made.id));
          }}
        />
      )}
    </>
  );
}

function OneRepository({ id }: { id: string }) {
  const path = { repository_id: id };
  const [folder, setFolder] = useState("");
  const [isEditing, setEditing] = useState(false);
  const state = useLoad(() => api.get("/repositories/{repository_id}", { path }), []);
  const documents = useLoad(() => all((cursor) => api.get("/repositories/{repository_id}/documents", { path, query: { limit: 100, ...(folder && { folder }), ...(cursor && { cursor }) } }), 2000), [folder]);
  const erase = async () => {
    if (!(await confirm(t("repositories.delete"), t("repositories.delete.text"), t("action.delete")))) return;
    await api.delete("/repositories/{repository_id}", { path });
    go(href("documents", "repositories"));
  };
  const archive = async (item: Repository) => {
    await api.patch("/repositories/{repository_id}", { path, body: { is_archived: !item.is_archived } });
    await state.reload();
  };
  const takeOut = async (document: string) => {
    await api.delete("/repositories/{repository_id}/documents/{document_id}", { path: { ...path, document_id: document } });
    await documents.reload();
    notify(t("repositories.taken"));
  };
  return (
    <Loaded state={state}>
      {(item) => (
        <>
          <header class="page-head">
            <div>
              <a class="back" href={href("documents", "repositories")}><Icon name="left" />{t("page.repositories")}</a>
              <h2>{item.name} {item.is_archived && <Badge>{t("status.archived")}</Badge>}</h2>
              {item.description && <p class="hint">{item.description}</p>}
            </div>
            <Menu label={t("repositories.actions")} entries={[
              { text: t("action.edit"), icon: "edit", act: () => setEditing(true) },
              { text: t(item.is_archived ? "action.unarchive" : "action.archive"), icon: "archive", act: () => archive(item) },
              { text: t("action.delete"), icon: "trash", danger: true, act: erase },
            ]} />
          </header>
          <Crumbs folder={folder} onOpen={setFolder} />
          <Loaded state={documents}>{(items) => <Folder items={items} folder={folder} onOpen={setFolder} onTakeOut={takeOut} />}</Loaded>
          {isEditing && (
            <FormDialog title={t("action.edit")} action={t("action.save")} onClose={() => setEditing(false)}
              entries={[{ name: "name", label: t("field.name"), required: true, value: item.name, maxLength: 255 }, { name: "description", label: t("field.description"), kind: "long", value: item.description ?? "", maxLength: 2000 }]}
              onSubmit={async (values) => { await api.patch("/repositories/{repository_id}", { path, body: { name: String(values["name"]), description: values["description"] as string | null } }); await state.reload(); }} />
          )}
        </>
      )}
    </Loaded>
  );
}

function Crumbs({ folder, onOpen }: { folder: string; onOpen: (folder: string) => void }) {
  const parts = folder ? folder.split("/") : [];
  if (parts.length === 0) return null;
  return (
    <nav class="crumbs" aria-label={t("field.folder")}>
      <Button kind="quiet" icon="folder" onClick={() => onOpen("")}>{t("repositories.top")}</Button>
      {parts.map((part, index) => <Button key={index} kind="quiet" onClick={() => onOpen(parts.slice(0, index + 1).join("/"))}>{part}</Button>)}
    </nav>
  );
}

interface FolderProps {
  items: Schemas["RepositoryDocument"][];
  folder: string;
  onOpen: (folder: string) => void;
  onTakeOut: (id: string) => Promise<void>;
}

function Folder({ items, folder, onOpen, onTakeOut }: FolderProps) {
  const prefix = folder ? `${folder}/` : "";
  const folders = new Map<string, number>();
  const files: typeof items = [];
  // While the documents of another folder are on their way, those of the former one are still there.
  for (const item of items.filter((other) => other.path.startsWith(prefix))) {
    const rest = item.path.slice(prefix.length);
    const slash = rest.indexOf("/");
    if (slash < 0) files.push(item);
    else folders.set(rest.slice(0, slash), (folders.get(rest.slice(0, slash)) ?? 0) + 1);
  }
  if (items.length === 0) return <Empty icon="documents" title={t("repositories.empty")} />;
  return (
    <ul class="tree">
      {[...folders].map(([part, count]) => (
        <li key={part}><Button kind="quiet" icon="folder" onClick={() => onOpen(prefix + part)}>{part}</Button><span class="hint">{t("repositories.count", { count })}</span></li>
      ))}
      {files.map((item) => (
        <li key={item.id}>
          <a href={href("documents", item.id)}><Icon name="documents" />{item.path.slice(prefix.length)}</a>
          <span class="hint">{item.title}</span>
          <span class="grow" />
          <Button kind="quiet" onClick={() => onTakeOut(item.id)}>{t("repositories.take")}</Button>
        </li>
      ))}
    </ul>
  );
}
