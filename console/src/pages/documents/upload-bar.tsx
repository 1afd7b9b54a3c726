// Where files, folders and texts are added, and the tray with the progress of each and of all.
import { useEffect, useRef, useState } from "preact/hooks";
import { type Schemas } from "../../api";
import { bytes } from "../../format";
import { href } from "../../router";
import { kept, useCell } from "../../state";
import { said, t } from "../../strings";
import { Button, complain, Progress, useLoad } from "../../ui/basics";
import { Choice, FormDialog } from "../../ui/forms";
import { Icon } from "../../ui/icons";
import { spaceChoices, spaceKey, writableSpaces } from "./spaces";
import { Ingestion } from "./status";
import { add, addLink, addText, again, clear, dropped, uploads, type Target, type Upload } from "./uploads";

function files(list: FileList): { file: File; path: string }[] {
  return [...list].filter((file) => !file.name.startsWith(".")).map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

export function UploadBar({ repositories, tags }: { repositories: Schemas["Repository"][]; tags: Schemas["Tag"][] }) {
  const [isOver, setOver] = useState(false);
  const [isPasting, setPasting] = useState(false);
  const [isLinking, setLinking] = useState(false);
  const [space, setSpace] = useState(kept.get("space") ?? "user");
  const [repository, setRepository] = useState("");
  const [tag, setTag] = useState("");
  const spaces = useLoad(writableSpaces, []);
  const filePicker = useRef<HTMLInputElement>(null);
  const folderPicker = useRef<HTMLInputElement>(null);
  useEffect(() => folderPicker.current?.setAttribute("webkitdirectory", ""), []);
  const writable = spaces.data ?? [];
  const current = writable.find((item) => spaceKey(item) === space) ?? writable[0];
  const target: Target = {
    scope: current?.scope ?? "user",
    group_id: current?.group_id ?? null,
    repository: repository || null,
    tags: tag ? [tag] : [],
  };
  const latest = useRef(target);
  latest.current = target;
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => { if (event.relatedTarget === null) setOver(false); };
    const drop = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(false);
      dropped(event.dataTransfer).then((list) => add(list, latest.current), complain);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  const picked = (event: { currentTarget: HTMLInputElement }) => {
    const { files: list } = event.currentTarget;
    if (list) add(files(list), target);
    event.currentTarget.value = "";
  };
  return (
    <section class={`upload ${isOver ? "over" : ""}`} aria-label={t("upload.title")}>
      <p class="upload-lead"><Icon name="upload" /> {t(isOver ? "upload.drop" : "upload.lead")}</p>
      <div class="row">
        <Button kind="primary" icon="plus" onClick={() => filePicker.current!.click()}>{t("upload.files")}</Button>
        <Button icon="folder" onClick={() => folderPicker.current!.click()}>{t("upload.folder")}</Button>
        <Button icon="text" onClick={() => setPasting(true)}>{t("upload.text")}</Button>
        <Button icon="external" onClick={() => setLinking(true)}>{t("upload.link")}</Button>
        <span class="grow" />
        <span class="hint" aria-hidden="true">{t("upload.space")}</span>
        <Choice label={t("upload.space")} value={current ? spaceKey(current) : "user"} onChange={(value) => { setSpace(value); kept.set("space", value); }} options={spaceChoices(writable)} />
        {repositories.length > 0 && <Choice label={t("field.repository")} value={repository} onChange={setRepository} options={[{ value: "", text: t("upload.no.repository") }, ...repositories.map((item) => ({ value: item.id, text: item.name }))]} />}
        {tags.length > 0 && <Choice label={t("field.tag")} value={tag} onChange={setTag} options={[{ value: "", text: t("upload.no.tag") }, ...tags.map((item) => ({ value: item.id, text: item.name }))]} />}
      </div>
      <input ref={filePicker} type="file" multiple hidden aria-label={t("upload.files")} onChange={picked} />
      <input ref={folderPicker} type="file" multiple hidden aria-label={t("upload.folder")} onChange={picked} />
      {isPasting && (
        <FormDialog
          title={t("upload.text")}
          entries={[
            { name: "title", label: t("field.title"), required: true, maxLength: 500 },
            { name: "text", label: t("field.text"), kind: "long", required: true, maxLength: 500000 },
          ]}
          action={t("action.add")}
          onClose={() => setPasting(false)}
          onSubmit={async (values) => addText(String(values["title"]), String(values["text"]), target)}
        />
      )}
      {isLinking && (
        <FormDialog
          title={t("upload.link")}
          entries={[
            { name: "address", label: t("upload.address"), kind: "url", required: true, maxLength: 1024 },
            { name: "refresh", label: t("upload.refresh"), kind: "choice", options: [{ value: "", text: t("upload.refresh.never") }, { value: "1440", text: t("upload.refresh.daily") }, { value: "10080", text: t("upload.refresh.weekly") }] },
          ]}
          action={t("action.add")}
          onClose={() => setLinking(false)}
          onSubmit={async (values) => addLink(String(values["address"]), values["refresh"] === null ? null : Number(values["refresh"]), target)}
        ><p class="hint">{t("upload.link.text")}</p></FormDialog>
      )}
    </section>
  );
}

export function Tray() {
  const items = useCell(uploads);
  if (items.length === 0) return null;
  const done = items.filter((item) => item.state === "done").length;
  const failed = items.filter((item) => item.state === "failed").length;
  // What went wrong is in sight, however long the list is.
  const sorted = [...items.filter((item) => item.state === "failed"), ...items.filter((item) => item.state !== "failed")];
  const share = items.reduce((sum, item) => sum + shareOf(item), 0) / items.length;
  const text = [t("upload.progress", { done, total: items.length }), failed ? t("upload.failures", { count: failed }) : ""].filter(Boolean).join(" · ");
  return (
    <section class="tray" aria-label={t("upload.tray")}>
      <header>
        <strong role="status">{text}</strong>
        <Progress label={text} value={share} />
        <Button kind="quiet" onClick={clear} disabled={done + failed === 0}>{t("upload.clear")}</Button>
      </header>
      <ul tabIndex={0} aria-label={t("upload.tray")}>
        {sorted.slice(0, 200).map((item) => <Entry key={item.id} item={item} />)}
      </ul>
      {items.length > 200 && <p class="hint">{t("upload.others", { count: items.length - 200 })}</p>}
    </section>
  );
}

function shareOf(item: Upload): number {
  if (item.state === "done" || item.state === "failed") return 1;
  const sent = item.size ? item.sent / item.size : 0;
  const { document } = item;
  const ingested = document?.chunks_total ? document.chunks_done / document.chunks_total : 0;
  return 0.4 * sent + 0.5 * ingested;
}

function Entry({ item }: { item: Upload }) {
  const isPartly = item.state === "done" && !!item.document?.warnings.length;
  return (
    <li class={`${item.state} ${isPartly ? "partly" : ""}`}>
      <Icon name={item.state === "done" ? (isPartly ? "warning" : "check") : item.state === "failed" ? "warning" : "clock"} />
      <div class="tray-name">
        {item.document ? <a href={href("documents", item.document.id)}>{item.path}</a> : item.path}
        {item.problem && <span class="field-error">{item.problem}</span>}
        {item.state === "done" && item.document?.warnings.map((warning) => <span key={warning.code} class="hint">{said("warnings", warning.code, warning.message)}</span>)}
      </div>
      <span class="tray-state">
        {item.state === "waiting" && t("upload.waiting")}
        {item.state === "sending" && "address" in item.source && <><span>{t("upload.fetching")}</span><Progress label={item.path} value={null} /></>}
        {item.state === "sending" && !("address" in item.source) && <><span>{`${bytes(item.sent)} / ${bytes(item.size)}`}</span><Progress label={item.path} value={item.size ? item.sent / item.size : null} /></>}
        {item.state === "ingesting" && <Ingestion document={item.document!} />}
        {item.state === "done" && t(isPartly ? "status.partly" : "upload.done")}
        {item.state === "failed" && <Button icon="again" onClick={() => again(item.id)}>{t("action.retry")}</Button>}
      </span>
    </li>
  );
}
