// A page of a PDF with the quote marked, drawn by PDF.js. This module and PDF.js are loaded when a PDF is opened.
// Nothing of the file runs: its scripts, forms and links are not offered to PDF.js, and its worker has no network.
import { getDocument, GlobalWorkerOptions, PDFDataRangeTransport, TextLayer, type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist/legacy/build/pdf.min.mjs";
import worker from "pdfjs-dist/legacy/build/pdf.worker.min.mjs?url";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, pause } from "../api";
import { BASE } from "../session";
import { t } from "../strings";
import { Button, Spinner } from "./basics";
import { marks, normal } from "./quote";

GlobalWorkerOptions.workerSrc = new URL(worker, import.meta.url).href;

const RANGE_BYTES = 262_144;
const MOST_PIXELS = 16_000_000; // of a page on the screen, and four times as many of one picture
const NARROW = 480; // pixels: a page that is fitted into less has letters that nobody can read
const PATIENCE = 45_000; // milliseconds for the first page; a file that takes longer is shown as text

/** The file's bytes as they are needed, out of the bucket. A link is good for minutes, so it is asked for again. */
class Bytes extends PDFDataRangeTransport {
  private readonly stopped = new AbortController();

  constructor(private readonly id: string, private address: string, length: number, private readonly fail: (error: unknown) => void) {
    super(length, null);
  }

  override requestDataRange(begin: number, end: number): void {
    this.read(begin, end, 0).then((bytes) => this.onDataRange(begin, bytes), (error) => {
      if (!this.stopped.signal.aborted) this.fail(error);
    });
  }

  override abort(): void {
    this.stopped.abort();
  }

  private async read(begin: number, end: number, attempt: number): Promise<Uint8Array> {
    try {
      const response = await fetch(this.address, { headers: { Range: `bytes=${begin}-${end - 1}` }, signal: this.stopped.signal });
      if (!response.ok) throw new TypeError();
      const bytes = new Uint8Array(await response.arrayBuffer());
      return response.status === 206 ? bytes : bytes.slice(begin, end);
    } catch (error) {
      if (attempt >= 3 || this.stopped.signal.aborted) throw error;
      await pause(500 * 2 ** attempt);
      this.address = (await api.get("/documents/{document_id}/original", { path: { document_id: this.id } })).url;
      return this.read(begin, end, attempt + 1);
    }
  }
}

/** What PDF.js requires for scripts of East Asia and for symbols, when the file has it not embedded. */
class Fonts {
  async fetch({ kind, filename }: { kind: string; filename: string }): Promise<Uint8Array> {
    const found = (await import("virtual:pdf-fonts")).files[filename];
    if (!found) throw new Error(`${kind}: ${filename}`);
    return Uint8Array.from(atob(found), (character) => character.charCodeAt(0));
  }
}

async function open(id: string, fail: (error: unknown) => void) {
  const { url, size_bytes: size } = await api.get("/documents/{document_id}/original", { path: { document_id: id } });
  if (size === null) throw new Error();
  const here = `${BASE}/console/`;
  return getDocument({
    range: new Bytes(id, url, size, fail),
    rangeChunkSize: RANGE_BYTES,
    disableAutoFetch: true,
    disableStream: true,
    enableXfa: false,
    useWasm: false,
    useWorkerFetch: false,
    BinaryDataFactory: Fonts,
    cMapUrl: here,
    wasmUrl: here, // where the decoders of JBIG2 and JPEG 2000 are
    maxImageSize: 4 * MOST_PIXELS,
    canvasMaxAreaInBytes: 4 * MOST_PIXELS,
    verbosity: 0,
  });
}

/** The texts of a page's items. */
async function textsOf(page: PDFPageProxy): Promise<string[]> {
  return (await page.getTextContent()).items.map((item) => ("str" in item ? item.str : ""));
}

/** The texts of the pages around, so that a quote that begins on one page and ends on another is found. */
async function around(file: PDFDocumentProxy, at: number): Promise<{ before: string[]; after: string[] }> {
  const of = async (number: number) => (number >= 1 && number <= file.numPages ? textsOf(await file.getPage(number)) : []);
  return { before: await of(at - 1), after: await of(at + 1) };
}

function markIn(element: HTMLElement, from: number, to: number): void {
  const text = element.textContent ?? "";
  const mark = document.createElement("mark");
  mark.textContent = text.slice(from, to);
  element.replaceChildren(text.slice(0, from), mark, text.slice(to));
}

interface Drawn {
  canvas: HTMLCanvasElement;
  layer: HTMLDivElement;
  isMarked: boolean;
}

async function draw(file: PDFDocumentProxy, at: number, width: number, quote: string): Promise<Drawn> {
  const page = await file.getPage(at);
  const scale = width / page.getViewport({ scale: 1 }).width;
  const viewport = page.getViewport({ scale });
  const density = Math.min(devicePixelRatio, Math.sqrt(MOST_PIXELS / (viewport.width * viewport.height)));
  if (!(density > 0.1)) throw new Error();
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  canvas.width = Math.floor(viewport.width * density);
  canvas.height = Math.floor(viewport.height * density);
  await page.render({ canvas, viewport, transform: [density, 0, 0, density, 0, 0] }).promise;
  const layer = document.createElement("div");
  layer.className = "pdf-text";
  layer.style.setProperty("--total-scale-factor", String(scale));
  const text = new TextLayer({ textContentSource: await page.getTextContent(), container: layer, viewport });
  await text.render();
  let isMarked = quote === "";
  if (normal(quote)) {
    const own = text.textContentItemsStr;
    let found = marks(own, quote);
    if (!found.whole) {
      const { before, after } = await around(file, at);
      const wider = marks([...before, ...own, ...after], quote);
      if (wider.whole) found = { whole: true, marks: wider.marks.map((mark) => ({ ...mark, item: mark.item - before.length })) };
    }
    for (const { item, from, to } of found.marks) {
      const element = text.textDivs[item];
      if (!element) continue;
      markIn(element, from, to);
      isMarked = true;
    }
  }
  return { canvas, layer, isMarked };
}

export default function Pdf({ id, page, quote, onFail }: { id: string; page: number; quote: string; onFail: () => void }) {
  const [file, setFile] = useState<PDFDocumentProxy | null>(null);
  const [at, setAt] = useState(page);
  const [zoom, setZoom] = useState(1);
  const [width, setWidth] = useState(0);
  const [isMarked, setMarked] = useState<boolean | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const sheet = useRef<HTMLDivElement>(null);
  const latest = useRef(0);
  useEffect(() => {
    const task = open(id, onFail);
    task.then((loading) => loading.promise).then((opened) => { setFile(opened); setAt(Math.min(page, opened.numPages)); }, onFail);
    const element = frame.current!;
    if (element.clientWidth < NARROW && quote) setZoom(2.25);
    const watch = new ResizeObserver(() => setWidth(element.clientWidth));
    watch.observe(element);
    return () => {
      watch.disconnect();
      latest.current += 1;
      void task.then((loading) => loading.destroy(), () => undefined);
    };
  }, []);
  useEffect(() => {
    if (isMarked !== null) return;
    const timer = setTimeout(onFail, PATIENCE);
    return () => clearTimeout(timer);
  }, [isMarked === null]);
  useEffect(() => {
    if (!file || width <= 0) return;
    const turn = ++latest.current;
    draw(file, at, width * zoom, quote).then((drawn) => {
      if (turn !== latest.current) return;
      sheet.current!.style.setProperty("--sheet-width", `${width * zoom}px`);
      sheet.current!.replaceChildren(drawn.canvas, drawn.layer);
      setMarked(drawn.isMarked);
      const mark = sheet.current!.querySelector("mark");
      if (mark) mark.scrollIntoView({ block: "center", inline: "start" });
      else frame.current!.scrollTop = 0;
    }, () => { if (turn === latest.current) onFail(); });
  }, [file, at, width, zoom]);
  const count = file?.numPages ?? 0;
  return (
    <>
      <div class="row pdf-bar">
        <Button kind="quiet" icon="left" label={t("pdf.before")} disabled={at <= 1} onClick={() => setAt(at - 1)} />
        <span role="status">{t("pdf.page", { page: at, count: count || "…" })}</span>
        <Button kind="quiet" icon="right" label={t("pdf.after")} disabled={at >= count} onClick={() => setAt(at + 1)} />
        <span class="grow" />
        <Button kind="quiet" icon="minus" label={t("pdf.smaller")} disabled={zoom <= 1} onClick={() => setZoom(zoom / 1.5)} />
        <Button kind="quiet" icon="plus" label={t("pdf.larger")} disabled={zoom >= 3} onClick={() => setZoom(zoom * 1.5)} />
      </div>
      {isMarked === false && at === page && <p class="hint">{t("pdf.unmarked")}</p>}
      <div class="pdf" ref={frame} tabIndex={0} role="region" aria-label={t("pdf.page", { page: at, count })}>
        {isMarked === null && <Spinner />}
        <div class="pdf-sheet" ref={sheet} />
      </div>
    </>
  );
}
