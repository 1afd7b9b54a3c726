// Walks of PDFs: a citation opens its page with the quote marked, nothing of a file runs, and big files go in parts.
import { rm } from "node:fs/promises";
import path from "node:path";
import { accessible, ask, choose, DESKTOP, expect, PHONE, register, shot, withPage } from "./browser.mjs";
import { bigPdf, pdf } from "./files.mjs";

const INSPECTED = ["The coolant pump P-17 is inspected every ninety days by a trained", "technician, who writes the date on the label beside the motor."];
const PAGES = [["Contents", "1 Valves", "2 Pumps"], ["Pumps", ...INSPECTED], ["Motors", "The motor M-3 runs at 1450 turns a minute."]];
const QUESTION = "How often is the coolant pump P-17 inspected?";

async function answeredFrom(page, name, files, question = QUESTION) {
  await register(page, name);
  await page.getByRole("link", { name: "Documents" }).first().click();
  await choose(page, files);
  await page.getByText(`${files.length} of ${files.length} searchable`).waitFor({ timeout: 180_000 });
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await ask(page, question);
  await page.locator(".answer:not(.live) button.cite").first().waitFor({ timeout: 120_000 });
}

/** The quote goes over a line's end; the pages before and after can be read; the text is one press away. */
async function openPage(page, name) {
  await answeredFrom(page, `reader-${name}`, [{ name: "manual.pdf", mimeType: "application/pdf", buffer: pdf(PAGES) }]);
  await page.locator("button.cite").first().click();
  const panel = page.getByRole("complementary", { name: "Source" });
  await panel.locator(".pdf mark").first().waitFor();
  await panel.getByText("Page 2 of 3").waitFor();
  const marked = (await panel.locator(".pdf mark").allTextContents()).join(" ");
  expect(marked.includes("every ninety days by a trained"), `the quote is marked: ${marked}`);
  const { ink } = await panel.locator(".pdf canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let dark = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] < 100) dark += 1;
    return { ink: dark };
  });
  expect(ink > 300, `the page is drawn: ${ink}`);
  await accessible(page, "a page of a PDF");
  await shot(page, `pdf-${name}-1-page`);
  await panel.getByRole("button", { name: "Next page" }).click();
  await panel.getByText("Page 3 of 3").waitFor();
  await panel.locator(".pdf-text").getByText("1450 turns").waitFor();
  await panel.getByRole("button", { name: "Larger" }).click();
  await panel.getByRole("button", { name: "Text", exact: true }).click();
  await panel.locator(".source-text mark").waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
}

export const walks = {
  pdf: () => withPage(DESKTOP, async (page) => {
    await openPage(page, "desktop");
    // Where PDF.js does not come, the text does.
    await page.route(/pdf\.worker/, (route) => route.abort());
    await page.reload();
    await page.locator("button.cite").first().click();
    await page.getByText("cannot be shown as pages").waitFor();
    await page.locator(".source-text mark").waitFor();
  }),

  "pdf-phone": () => withPage(PHONE, (page) => openPage(page, "phone"), { dark: true }),

  /** A script of a PDF does not run, and its pages are shown. */
  "pdf-hostile": () => withPage(DESKTOP, async (page) => {
    let dialogs = 0;
    page.on("dialog", (dialog) => { dialogs += 1; void dialog.dismiss(); });
    const buffer = pdf(PAGES, { script: "app.alert('x'); window.hostile = 1; app.launchURL('http://127.0.0.1:9/');" });
    await answeredFrom(page, "wary", [{ name: "<img src=x onerror=hostile()>.pdf", mimeType: "application/pdf", buffer }]);
    await page.locator("button.cite").first().click();
    await page.locator(".pdf mark").first().waitFor();
    const ran = await page.evaluate(() => window.hostile);
    expect(ran === undefined && dialogs === 0, `nothing ran: ${ran}, ${dialogs} dialogs`);
  }),

  /** A file of 110 MB goes in parts; a part that breaks, or that the bucket refuses, is sent again, and no other one. The
   * response to the completion is lost, and nothing is sent again for it. */
  big: () => withPage(DESKTOP, async (page) => {
    const file = await bigPdf(PAGES, 110_000_000);
    try {
      const sent = [];
      page.on("request", (request) => {
        const number = /partNumber=(\d+)/i.exec(request.url());
        if (number && request.method() === "PUT") sent.push(Number(number[1]));
      });
      await page.route(/partNumber=3\b/i, (route) => route.abort(), { times: 1 });
      const gone = { status: 404, headers: { "Access-Control-Allow-Origin": "*" }, body: "" };
      await page.route(/partNumber=7\b/i, (route) => route.fulfill(gone), { times: 1 });
      let announced = 0;
      page.on("request", (request) => (announced += /\/documents$/.test(request.url()) && request.method() === "POST" ? 1 : 0));
      await page.route(/\/parts\/complete$/, async (route) => (await route.fetch(), await route.abort()), { times: 1 });
      await answeredFrom(page, "hauler", [file]);
      const twice = sent.filter((number, at) => sent.indexOf(number) !== at);
      expect(new Set(sent).size === 7 && [3, 7].every((number) => twice.includes(number)), `seven parts, the broken ones again: ${sent}`);
      expect(twice.length === 2 && announced === 1, `nothing else is sent again: ${sent}, ${announced} documents`);
    } finally {
      await rm(path.dirname(file), { recursive: true });
    }
  }),
};
