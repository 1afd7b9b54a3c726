// Lighthouse over pages of the console: `node audit.mjs`, run by bench/console.py. Prints one line of JSON for each page.
import process from "node:process";
import lighthouse, { desktopConfig } from "lighthouse";
import puppeteer from "puppeteer-core";

const { BASE, EMAIL, PASSWORD, CHROMIUM } = process.env;
const PAGES = ["", "#/ask", "#/documents", "#/search", "#/administer/settings", "#/account/preferences"];
const CATEGORIES = ["performance", "accessibility", "best-practices"];
// The network and the processor of this machine, and those of a phone that Lighthouse simulates.
const PHONE = { extends: "lighthouse:default" };
const AS_IT_IS = { ...desktopConfig, settings: { ...desktopConfig.settings, throttlingMethod: "provided" } };

const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await puppeteer.launch({ executablePath: CHROMIUM, args: FLAGS, headless: true });
try {
  const page = await browser.newPage();
  // The functions of a stack that has just begun start with their first request; this is not the page's time.
  const began = Date.now();
  await page.goto(`${BASE}/console`, { waitUntil: "networkidle0", timeout: 120_000 });
  console.error(`The first page of the stack took ${((Date.now() - began) / 1000).toFixed(1)} s.`);
  for (const part of PAGES) {
    if (part === PAGES[1]) await signIn(page);
    for (const [device, config] of [["desktop", AS_IT_IS], ["phone", PHONE]]) {
      // Away first: another place of the same page would not be loaded again.
      await page.goto("about:blank");
      const { lhr } = await lighthouse(`${BASE}/console${part}`, { onlyCategories: CATEGORIES, disableStorageReset: true, logLevel: "silent" }, config, page);
      if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
      console.log(JSON.stringify(described(part, device, lhr)));
    }
  }
} finally {
  await browser.close();
}

function described(part, device, lhr) {
  const [metrics] = lhr.audits.metrics.details.items;
  const failed = CATEGORIES.flatMap((name) => lhr.categories[name].auditRefs)
    .filter(({ weight, id }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 0.9)
    .map(({ id }) => `${id} ${lhr.audits[id].displayValue ?? lhr.audits[id].details?.items?.[0]?.description ?? ""}`.trim());
  return {
    page: part || "sign in",
    device,
    scores: Object.fromEntries(CATEGORIES.map((name) => [name, Math.round(lhr.categories[name].score * 100)])),
    paint: Math.round(metrics.observedFirstContentfulPaint),
    simulated: Math.round(metrics.firstContentfulPaint),
    largest: Math.round(metrics.largestContentfulPaint),
    blocked: Math.round(metrics.totalBlockingTime),
    shift: metrics.cumulativeLayoutShift,
    bytes: lhr.audits["total-byte-weight"].numericValue,
    failed,
  };
}

async function signIn(page) {
  await page.goto(`${BASE}/console`);
  await page.locator("input[autocomplete=username]").fill(EMAIL);
  await page.locator("input[autocomplete=current-password]").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForSelector("nav.rail");
}
