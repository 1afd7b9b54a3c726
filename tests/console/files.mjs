// Files that the walks upload: PDFs, made here so that every byte of them is known.
import { createWriteStream } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A PDF with a page for each list of lines. `script` runs when a viewer opens the file, if the viewer lets it. */
export function pdf(pages, { script = "" } = {}) {
  const font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
  const action = script && ` /OpenAction << /S /JavaScript /JS (${script.replace(/[\\()]/g, "\\$&")}) >>`;
  const kids = pages.map((_, index) => `${4 + 2 * index} 0 R`).join(" ");
  const objects = [`<< /Type /Catalog /Pages 2 0 R${action} >>`, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`, font];
  pages.forEach((lines, index) => {
    const text = lines.map((line) => `(${line.replace(/[\\()]/g, "\\$&")}) Tj T*`).join(" ");
    const stream = `BT /F1 14 Tf 20 TL 60 760 Td ${text} ET`;
    objects.push(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * index} 0 R >>`);
    objects.push(`<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`);
  });
  let file = "%PDF-1.4\n";
  const starts = objects.map((object, index) => {
    const start = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return start;
  });
  const table = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  file += starts.map((start) => `${String(start).padStart(10, "0")} 00000 n \n`).join("");
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

/** The path of a PDF that is bigger than one request takes: most of it is a comment. */
export async function bigPdf(pages, bytes) {
  const file = path.join(await mkdtemp(path.join(tmpdir(), "alcove-big-")), "big.pdf");
  const whole = pdf(pages);
  const line = Buffer.from(`%${"0123456789abcdef".repeat(65_536)}\n`);
  const stream = createWriteStream(file);
  const write = (part) => new Promise((resolve, reject) => stream.write(part, (error) => (error ? reject(error) : resolve())));
  await write(whole.subarray(0, 9));
  for (let sent = 0; sent < bytes; sent += line.length) await write(line);
  await write(whole.subarray(9));
  await new Promise((resolve) => stream.end(resolve));
  return file;
}
