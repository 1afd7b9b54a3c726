// Where a question is written.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, Refusal } from "../../api";
import { t } from "../../strings";
import { Button, complain } from "../../ui/basics";
import { Cell, kept, useCell } from "../../state";
import type { Filters } from "./threads";
import { ScopeButton } from "../../ui/scope";

const MOST_CHARS = 20_000;
/** Whether comparisons are offered: once the service has said that it has variants to compare. */
const compared = new Cell(false);

interface Props {
  draft: string; // under which name the browser keeps an unsent question
  filters: Filters;
  onFilters: (filters: Filters) => unknown;
  onAsk: (text: string) => Promise<unknown>;
  onCompare: (text: string) => Promise<unknown>;
  onStop?: (() => Promise<unknown>) | undefined;
}

export function Composer({ draft, filters, onFilters, onAsk, onCompare, onStop }: Props) {
  const [text, setText] = useState(() => kept.get(`draft:${draft}`) ?? "");
  const [isBusy, setBusy] = useState(false);
  const areCompared = useCell(compared);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const area = box.current!;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 240)}px`;
  }, [text]);
  useEffect(() => {
    // Without an answer nothing is offered; asking goes on.
    api.get("/me/comparison-offer", {}).then((offer) => compared.set(offer.is_offered), () => undefined);
  }, []);
  useEffect(() => {
    if (matchMedia("(min-width: 900px)").matches) box.current?.focus();
  }, []);
  const write = (value: string) => {
    setText(value);
    kept.set(`draft:${draft}`, value || null);
  };
  const send = async (act: (text: string) => Promise<unknown>) => {
    const question = text.trim();
    if (!question || isBusy) return;
    setBusy(true);
    write("");
    try {
      await act(question);
    } catch (error) {
      write(question);  // nothing that was written is lost
      if (error instanceof Refusal && error.code === "comparisons_off") compared.set(false);
      complain(error);
    } finally {
      setBusy(false);
      box.current?.focus();
    }
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!onStop) void send(onAsk);
  };
  return (
    <div class="composer">
      <textarea
        ref={box}
        rows={1}
        maxLength={MOST_CHARS}
        aria-label={t("ask.question")}
        placeholder={t("ask.placeholder")}
        value={text}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={press}
      />
      <div class="composer-row">
        <ScopeButton filters={filters} onChange={onFilters} />
        {areCompared && (
          <Button kind="quiet" icon="split" label={t("ask.compare")} disabled={!text.trim() || isBusy || !!onStop} onClick={() => send(onCompare)}>
            <span class="wide-text">{t("ask.compare")}</span>
          </Button>
        )}
        <span class="grow" />
        {onStop
          ? <Button kind="primary" icon="stop" label={t("ask.stop")} onClick={onStop} />
          : <Button kind="primary" icon="send" label={t("ask.send")} onClick={() => send(onAsk)} disabled={!text.trim() || isBusy} />}
      </div>
    </div>
  );
}
