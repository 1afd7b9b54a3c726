// Search, with the reasons of every hit.
import { useEffect, useState } from "preact/hooks";
import { api, type Schemas } from "../api";
import { number } from "../format";
import { go, href, route } from "../router";
import { starts } from "../stream";
import { useCell } from "../state";
import { said, t } from "../strings";
import { Button, Empty, Loaded, useLoad } from "../ui/basics";
import { Choice } from "../ui/forms";
import { ScopeButton } from "../ui/scope";
import { SourcePanel, type Citation } from "../ui/source";

type Hit = Schemas["Hit"];

export function Search() {
  const { query } = useCell(route);
  const asked = query.get("q") ?? "";
  const [text, setText] = useState(asked);
  const [mode, setMode] = useState<"" | Schemas["SearchMode"]>("");
  const [neighbours, setNeighbours] = useState("0");
  const [filters, setFilters] = useState<Schemas["SearchFilters"]>({});
  const [opened, setOpened] = useState<Citation | null>(null);
  useEffect(() => setText(asked), [asked]);
  const state = useLoad(async () => {
    if (!asked.trim()) return null;
    const body = { query: asked.trim(), explain: true, neighbours: Number(neighbours), filters, ...(mode && { mode }) };
    const result = await api.post("/search", { body });
    for (const hit of result.items) starts.set(hit.chunk_id, hit.start_char);
    return result;
  }, [asked, mode, neighbours, filters]);
  const submit = (event: Event) => {
    event.preventDefault();
    go(`${href("search")}?q=${encodeURIComponent(text.trim())}`);
  };
  return (
    <div class={`search-page ${opened ? "with-source" : ""}`}>
      <div class="page">
        <header class="page-head"><h1>{t("page.search")}</h1></header>
        <form class="search-form" role="search" onSubmit={submit}>
          <input type="search" aria-label={t("search.query")} placeholder={t("search.query")} maxLength={2000} value={text} onInput={(event) => setText(event.currentTarget.value)} />
          <button class="button primary" type="submit">{t("search.action")}</button>
        </form>
        <div class="row">
          <ScopeButton filters={filters} onChange={setFilters} />
          <Choice label={t("search.mode")} value={mode} onChange={setMode} options={[{ value: "", text: t("search.mode.set") }, { value: "hybrid", text: t("search.mode.hybrid") }, { value: "semantic", text: t("search.mode.semantic") }, { value: "lexical", text: t("search.mode.lexical") }]} />
          <Choice label={t("search.neighbours")} value={neighbours} onChange={setNeighbours} options={["0", "1", "2", "5"].map((value) => ({ value, text: value === "0" ? t("search.neighbours.none") : t("search.neighbours.some", { count: value }) }))} />
        </div>
        <Loaded state={state}>
          {(result) => result === null ? <Empty icon="search" title={t("search.lead")} /> : (
            <>
              {(result.missing_terms?.length ?? 0) > 0 && <p class="notice">{t("search.missing", { terms: result.missing_terms!.map((term) => `“${term}”`).join(", ") })}</p>}
              {result.items.length === 0 && <Empty icon="search" title={t("search.nothing")} />}
              <ol class="hits">
                {result.items.map((hit) => <Result key={hit.chunk_id} hit={hit} query={asked} onOpen={() => setOpened({ ...hit, quote: hit.text })} />)}
              </ol>
            </>
          )}
        </Loaded>
      </div>
      {opened && <SourcePanel key={opened.chunk_id} citation={opened} onClose={() => setOpened(null)} />}
    </div>
  );
}

function Result({ hit, query, onOpen }: { hit: Hit; query: string; onOpen: () => void }) {
  const where = [hit.page !== null && t("source.page", { page: hit.page }), hit.section].filter(Boolean).join(" · ");
  const before = hit.neighbours?.filter((other) => other.chunk_index < hit.chunk_index) ?? [];
  const after = hit.neighbours?.filter((other) => other.chunk_index > hit.chunk_index) ?? [];
  return (
    <li class="card hit">
      <header>
        <h2><button type="button" class="link" onClick={onOpen}>{hit.title}</button></h2>
        <span class="score" title={t("search.score")}>{number(hit.score, 3)}</span>
      </header>
      {where && <p class="hint">{where}</p>}
      {before.map((other) => <p key={other.chunk_id} class="passage neighbour">{other.text}</p>)}
      {hit.columns && <p class="hint">{hit.columns}</p>}
      <p class="passage"><Marked text={hit.text} query={query} /></p>
      {after.map((other) => <p key={other.chunk_id} class="passage neighbour">{other.text}</p>)}
      {hit.warnings?.map((warning) => <p key={warning.code} class="hint">{said("warnings", warning.code, warning.message)}</p>)}
      {hit.explanation && <Reasons explanation={hit.explanation} />}
      <Button kind="quiet" icon="text" onClick={onOpen}>{t("source.open.text")}</Button>
    </li>
  );
}

/** The words of the query, where they stand in the text letter by letter. */
function Marked({ text, query }: { text: string; query: string }) {
  const words = [...new Set(query.match(/[\p{L}\p{N}][\p{L}\p{N}_-]*/gu) ?? [])].filter((word) => word.length > 2).slice(0, 30);
  if (words.length === 0) return <>{text}</>;
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\-]/g, "\\$&")).join("|")})`, "giu");
  return <>{text.split(pattern).map((part, index) => (index % 2 ? <mark key={index}>{part}</mark> : part))}</>;
}

function Reasons({ explanation }: { explanation: Schemas["Explanation"] }) {
  const sides = [
    { text: t("search.meaning"), part: explanation.semantic, class: "semantic" },
    { text: t("search.words"), part: explanation.lexical, class: "lexical" },
  ];
  return (
    <details class="reasons">
      <summary>{t("search.why", { rank: explanation.rank })}</summary>
      <table>
        <thead><tr><th scope="col"><span class="sr">{t("search.side")}</span></th><th scope="col">{t("search.raw")}</th><th scope="col">{t("search.rank")}</th><th scope="col">{t("search.scaled")}</th><th scope="col">{t("search.weight")}</th><th scope="col">{t("search.contribution")}</th></tr></thead>
        <tbody>
          {sides.map(({ text, part, class: side }) => {
            const share = (part.scaled ?? 0) * part.weight;
            return (
              <tr key={side}>
                <th scope="row">{text}</th>
                <td>{number(part.score, 3)}</td>
                <td>{part.rank ?? "–"}</td>
                <td>{number(part.scaled, 3)}</td>
                <td>{number(part.weight, 2)}</td>
                <td><meter aria-label={t("search.contribution")} min={0} max={1} value={share} /> {number(share, 3)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </details>
  );
}
