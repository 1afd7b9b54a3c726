// Two answers to one question, side by side. Which variant wrote which is shown after the vote.
import { Cell, useCell } from "../../state";
import { live, type Live } from "../../stream";
import { name, said, t, type Key } from "../../strings";
import { Badge, Button } from "../../ui/basics";
import { Markdown } from "../../ui/markdown";
import { cites, LiveAnswer, Sources } from "./message";
import * as threads from "./threads";

const none = new Cell<Live | null>(null) as unknown as Cell<Live>;

export function Compared({ cell, comparison }: { cell: Cell<threads.Thread>; comparison: threads.Comparison }) {
  const votes: { value: "first" | "second" | "tie" | "both_bad"; text: Key }[] = [
    { value: "first", text: "compare.first" },
    { value: "second", text: "compare.second" },
    { value: "tie", text: "compare.tie" },
    { value: "both_bad", text: "compare.bad" },
  ];
  return (
    <section class="compared" aria-label={t("compare.title")}>
      <div class="sides">
        <Side title={t("compare.one")} side={comparison.first} isPreferred={comparison.preference === "first"} />
        <Side title={t("compare.two")} side={comparison.second} isPreferred={comparison.preference === "second"} />
      </div>
      {comparison.status === "answering" && <p class="stage working">{t("compare.answering")}</p>}
      {comparison.status === "void" && <p class="notice">{t("compare.void")}</p>}
      {comparison.status === "open" && (
        <div class="votes" role="group" aria-label={t("compare.vote")}>
          <span>{t("compare.vote")}</span>
          {votes.map((vote) => <Button key={vote.value} onClick={() => threads.vote(cell, comparison, vote.value)}>{t(vote.text)}</Button>)}
        </div>
      )}
      {comparison.status === "voted" && <p class="hint">{t("compare.thanks")}</p>}
    </section>
  );
}

function Side({ title, side, isPreferred }: { title: string; side: threads.Comparison["first"]; isPreferred: boolean }) {
  const followed = live(side.job_id);
  useCell(followed ?? none);
  return (
    <div class={`side ${isPreferred ? "preferred" : ""}`}>
      <h2>
        {title} {isPreferred && <Badge kind="good">{t("compare.preferred")}</Badge>}
        {side.variant && <span class="hint"> {side.variant.name} · {name("model", side.variant.model)}</span>}
      </h2>
      {side.answer ? (
        <>
          <Markdown text={side.answer.content} cite={cites(side.answer.sources)} />
          <Sources sources={side.answer.sources} />
        </>
      ) : side.error ? <p class="notice">{said("failures", side.error.code, side.error.message)}</p> : followed ? <LiveAnswer live={followed} /> : null}
    </div>
  );
}
