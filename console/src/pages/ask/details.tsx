// What an answer cost, how long each stage took, and what was done for it.
import { api } from "../../api";
import { milliseconds, money, number } from "../../format";
import { name, t } from "../../strings";
import type { Message } from "../../tree";
import { Loaded, useLoad } from "../../ui/basics";

export function Details({ message }: { message: Message }) {
  const path = { message_id: message.id };
  const timing = useLoad(() => api.get("/messages/{message_id}/timing", { path }), []);
  const trace = useLoad(() => api.get("/messages/{message_id}/trace", { path }).catch(() => null), []);
  const facts: [string, string][] = [
    [t("field.model"), name("model", message.model)],
    [t("field.pipeline"), name("pipeline", message.pipeline)],
    [t("details.read"), number(message.prompt_tokens)],
    [t("details.written"), number(message.completion_tokens)],
    [t("details.cost"), money(message.cost_usd)],
    [t("details.prompts"), message.prompts.map((prompt) => (prompt.name ? `${prompt.name} ${prompt.version ?? ""}` : prompt.kind)).join(", ") || "–"],
  ];
  return (
    <>
      <dl class="facts">{facts.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>
      <h3>{t("details.stages")}</h3>
      <Loaded state={timing}>
        {({ stages }) => {
          const longest = Math.max(1, ...stages.map((stage) => stage.milliseconds));
          return (
            <ul class="bars">
              {stages.map((stage) => (
                <li key={stage.stage}>
                  <span>{name("stage", stage.stage)}</span>
                  <meter aria-label={name("stage", stage.stage)} min={0} max={longest} value={stage.milliseconds} />
                  <span class="figure">{milliseconds(stage.milliseconds)}</span>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
      {trace.data && (
        <details>
          <summary>{t("details.trace")}</summary>
          <pre tabIndex={0}>{JSON.stringify({ events: trace.data.events, tool_calls: trace.data.tool_calls, settings: trace.data.settings }, null, 2)}</pre>
        </details>
      )}
    </>
  );
}
