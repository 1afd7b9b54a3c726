// The source of a citation beside the answer, with the quote marked: a PDF at its page, anything else as text.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { all, api, type Schemas } from "../api";
import { href } from "../router";
import { starts } from "../stream";
import { t } from "../strings";
import { Button, Loaded, Spinner, useLoad } from "./basics";
import { Icon } from "./icons";

export interface Citation {
  document_id: string;
  chunk_id: string;
  title: string;
  page: number | null;
  section: string | null;
  quote: string;
  number?: number;
}

const BEFORE = 1500;
const AFTER = 3000;
const MOST_PDF_BYTES = 200_000_000; // a bigger one is shown as text

/** The position in UTF-16 units, as JavaScript counts, of a position in characters, as the service counts. */
export function unitsAt(text: string, characters: number): number {
  let units = 0;
  for (let left = characters; left > 0 && units < text.length; left -= 1) {
    units += text.codePointAt(units)! > 0xffff ? 2 : 1;
  }
  return units;
}

async function startOf(citation: Citation): Promise<number | undefined> {
  const known = starts.get(citation.chunk_id);
  if (known !== undefined) return known;
  const path = { document_id: citation.document_id };
  const chunks = await all((cursor) => api.get("/documents/{document_id}/chunks", { path, query: { limit: 100, ...(cursor && { cursor }) } }), 2000);
  for (const chunk of chunks) starts.set(chunk.id, chunk.start_char);
  return starts.get(citation.chunk_id);
}

interface Place {
  text: string;
  from: number; // of the quote, in UTF-16 units; -1 where the document has changed since
  to: number;
}

async function place(citation: Citation): Promise<Place> {
  const { text } = await api.get("/documents/{document_id}/content", { path: { document_id: citation.document_id } });
  const first = text.indexOf(citation.quote);
  const isOnce = first >= 0 && text.indexOf(citation.quote, first + 1) < 0;
  const start = isOnce ? undefined : await startOf(citation);
  const from = start === undefined ? first : text.indexOf(citation.quote, unitsAt(text, start));
  return { text, from: from < 0 ? first : from, to: (from < 0 ? first : from) + citation.quote.length };
}

/** Where the document comes from, at the page; null where that is no address of the web. */
export function originalAt(address: string | null | undefined, page: number | null): string | null {
  if (!address || !/^https?:\/\//i.test(address)) return null;
  return page === null || address.includes("#") ? address : `${address}#page=${page}`;
}

/** Open the file as it was uploaded, at the page, in a window of its own: the bucket's, where nothing of it is ours. */
export async function openOriginal(id: string, page: number | null): Promise<void> {
  const query = page === null ? {} : { page };
  const { url } = await api.get("/documents/{document_id}/original", { path: { document_id: id }, query });
  window.open(url, "_blank", "noopener");
}

export function SourcePanel({ citation, onClose }: { citation: Citation; onClose: () => void }) {
  const panel = useRef<HTMLElement>(null);
  const known = useLoad(() => api.get("/documents/{document_id}", { path: { document_id: citation.document_id } }), []);
  const original = originalAt(known.data?.original_url, citation.page);
  useEffect(() => {
    const before = document.activeElement;
    panel.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const where = [citation.page !== null && t("source.page", { page: citation.page }), citation.section].filter(Boolean).join(" · ");
  return (
    <aside class="source-panel" ref={panel} tabIndex={-1} aria-label={t("source.title")} onKeyDown={(event) => { if (event.key === "Escape") onClose(); }}>
      <header>
        {citation.number !== undefined && <span class="cite" aria-hidden="true">{citation.number}</span>}
        <div class="source-head">
          <h2>{citation.title}</h2>
          {where && <p class="hint">{where}</p>}
        </div>
        <Button kind="quiet" icon="close" label={t("action.close")} onClick={onClose} />
      </header>
      <blockquote class="quote">{citation.quote}</blockquote>
      <Loaded state={known}>{(document) => <View citation={citation} document={document} />}</Loaded>
      <footer class="row"><a class="button plain" href={href("documents", citation.document_id)}><Icon name="external" />{t("source.document")}</a><Button icon="external" onClick={() => openOriginal(citation.document_id, citation.page)}>{t("source.original")}</Button>{original && <a class="button plain" href={original} target="_blank" rel="noopener noreferrer"><Icon name="external" />{t("source.there")}</a>}</footer>
    </aside>
  );
}

type Pdf = ComponentType<{ id: string; page: number; quote: string; onFail: () => void }>;

/** Whether the page can show the document as the PDF that it is. */
export function isPdf({ content_type: type, filename, size_bytes: size }: Schemas["Document"]): boolean {
  return (type === "application/pdf" || filename.toLowerCase().endsWith(".pdf")) && size !== null && size <= MOST_PDF_BYTES;
}

/** A page of a PDF; PDF.js is loaded for it. `onFail` is called where it cannot be shown. */
export function PdfPage(props: { id: string; page: number; quote: string; onFail: () => void }) {
  const state = useLoad<Pdf | null>(() => import("./pdf").then((module) => module.default, () => null), []);
  useEffect(() => { if (state.data === null) props.onFail(); }, [state.data]);
  const Page = state.data;
  return Page ? <Page {...props} /> : <Spinner />;
}

function View({ citation, document }: { citation: Citation; document: Schemas["Document"] }) {
  const hasPages = citation.page !== null && isPdf(document);
  const [view, setView] = useState<"page" | "text">(hasPages ? "page" : "text");
  const [hasFailed, setFailed] = useState(false);
  const fail = () => {
    setFailed(true);
    setView("text");
  };
  return (
    <>
      {hasPages && !hasFailed && (
        <div class="tabs" role="group" aria-label={t("document.views")}>
          <button type="button" aria-pressed={view === "page"} onClick={() => setView("page")}>{t("pdf.view")}</button>
          <button type="button" aria-pressed={view === "text"} onClick={() => setView("text")}>{t("document.text")}</button>
        </div>
      )}
      {hasFailed && <p class="notice">{t("pdf.failed")}</p>}
      {view === "page" ? <PdfPage id={document.id} page={citation.page!} quote={citation.quote} onFail={fail} /> : <Text citation={citation} />}
    </>
  );
}

function Text({ citation }: { citation: Citation }) {
  const state = useLoad(() => place(citation), []);
  return (
    <div class="source-text" tabIndex={0} aria-label={t("source.text")}>
      <Loaded state={state}>{(found) => <Passage {...found} />}</Loaded>
    </div>
  );
}

function Passage({ text, from, to }: Place) {
  const [isWhole, setWhole] = useState(false);
  const mark = useRef<HTMLElement>(null);
  useEffect(() => mark.current?.scrollIntoView({ block: "center" }), [isWhole]);
  if (from < 0) return <><p class="notice">{t("source.changed")}</p><p class="passage">{text.slice(0, AFTER)}</p></>;
  const start = isWhole ? 0 : Math.max(0, text.lastIndexOf("\n", Math.max(0, from - BEFORE)) + 1);
  const end = isWhole ? text.length : Math.min(text.length, to + AFTER);
  const isCut = start > 0 || end < text.length;
  return (
    <>
      <p class="passage">
        {start > 0 && "… "}{text.slice(start, from)}<mark ref={mark}>{text.slice(from, to)}</mark>{text.slice(to, end)}{end < text.length && " …"}
      </p>
      {isCut && !isWhole && <Button kind="quiet" onClick={() => setWhole(true)}>{t("source.whole")}</Button>}
    </>
  );
}
