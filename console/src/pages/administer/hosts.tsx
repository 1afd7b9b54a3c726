// Machines that send their measurements: how they are now, and how they were.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { ago, number } from "../../format";
import { t } from "../../strings";
import { Badge, Empty, Loaded, useEvery, useLoad } from "../../ui/basics";
import { Choice } from "../../ui/forms";
import { Plot } from "../../ui/plotted";
import { CloudMetrics } from "./cloud-metrics";

type Host = Schemas["Host"];
type Point = Schemas["HostMetricsPoint"];
/** Hours that are shown, and how many seconds a point stands for. */
const times = [[1, 30], [24, 600], [168, 3600], [720, 21_600]] as const;
const per = (value: number | null, unit: string) => (value === null ? "–" : `${number(value)} ${unit}`);

export function Hosts() {
  const [chosen, setChosen] = useState<string | null>(null);
  const state = useLoad(async () => (await api.get("/hosts")).items, []);
  useEvery(15_000, state.reload);
  return (
    <>
      <p class="hint">{t("hosts.lead")}</p>
      <Loaded state={state}>
        {(hosts) => {
          const current = hosts.find((host) => host.name === chosen) ?? hosts[0];
          if (!current) return <Empty icon="administer" title={t("hosts.none")} />;
          return (
            <>
              <ul class="cards">
                {hosts.map((host) => (
                  <li key={host.name} class="card">
                    <div class="row"><button type="button" class="link" aria-pressed={host === current} onClick={() => setChosen(host.name)}>{host.name}</button><span class="grow" /><State host={host} /></div>
                    <dl class="facts">
                      <div><dt>{t("hosts.cpu")}</dt><dd>{per(host.cpu_percent, "%")}</dd></div>
                      <div><dt>{t("hosts.ram")}</dt><dd>{per(host.ram_percent, "%")}</dd></div>
                      <div><dt>{t("hosts.disk")}</dt><dd>{per(host.disk_percent, "%")}</dd></div>
                      {host.gpu_percent !== null && <div><dt>{t("hosts.gpu")}</dt><dd>{per(host.gpu_percent, "%")}</dd></div>}
                      {host.temperature_celsius !== null && <div><dt>{t("hosts.temperature")}</dt><dd>{per(host.temperature_celsius, "°C")}</dd></div>}
                    </dl>
                  </li>
                ))}
              </ul>
              <History key={current.name} host={current.name} />
            </>
          );
        }}
      </Loaded>
      <CloudMetrics />
    </>
  );
}

function State({ host }: { host: Host }) {
  if (host.left_at) return <Badge>{t("hosts.left", { time: ago(host.left_at) })}</Badge>;
  if (host.silent_since) return <Badge kind="bad">{t("hosts.silent", { time: ago(host.silent_since) })}</Badge>;
  return <Badge kind="good">{t("hosts.heard", { time: ago(host.last_seen_at) })}</Badge>;
}

function History({ host }: { host: string }) {
  const [hours, setHours] = useState(1);
  const state = useLoad(() => {
    const step = times.find(([value]) => value === hours)![1];
    return api.get("/host-metrics", { query: { host, step, from: new Date(Date.now() - hours * 3_600_000).toISOString(), to: new Date().toISOString() } });
  }, [hours]);
  useEvery(hours === 1 ? 30_000 : null, state.reload);
  const line = (items: Point[], text: string, value: (point: Point) => number | null) => ({ text, values: items.map(value) });
  return (
    <section class="plots">
      <div class="row"><h2>{host}</h2><span class="grow" /><Choice label={t("usage.time")} value={String(hours)} options={times.map(([value]) => ({ value: String(value), text: t(`hosts.hours.${value}`) }))} onChange={(value) => setHours(Number(value))} /></div>
      <Loaded state={state}>
        {({ items }) => {
          if (items.length === 0) return <Empty icon="clock" title={t("hosts.nothing")} />;
          const seconds = items.map((point) => Date.parse(point.at) / 1000);
          const hasGpu = items.some((point) => point.gpu_percent !== null);
          const isWarm = items.some((point) => point.temperature_celsius !== null);
          return (
            <>
              <Plot label={t("hosts.plot")} seconds={seconds} most={100} lines={[
                line(items, `${t("hosts.cpu")} %`, (point) => point.cpu_percent),
                line(items, `${t("hosts.ram")} %`, (point) => point.ram_percent),
                line(items, `${t("hosts.disk")} %`, (point) => point.disk_percent),
                ...(hasGpu ? [line(items, `${t("hosts.gpu")} %`, (point) => point.gpu_percent), line(items, `${t("hosts.gpu.memory")} %`, (point) => point.gpu_memory_percent)] : []),
              ]} />
              {isWarm && <Plot label={t("hosts.plot.warm")} seconds={seconds} lines={[line(items, `${t("hosts.temperature")} °C`, (point) => point.temperature_celsius)]} />}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
