// The bytes of an announced file on their way to the bucket: in one request, or a big file in parts.
import { api, pause, Refusal, type Schemas } from "../../api";
import { t } from "../../strings";

const AT_ONCE = 3;
const AT_A_TIME = 12; // parts whose addresses are asked for together: they are good for an hour
const MOST_FAILURES = 8; // in succession, of an upload in parts

/** The service expects no bytes of the document any more. (A 404 of the bucket says only that an address has ended.) */
export class NotExpected extends Refusal {}

/** Send the bytes of an announced document; a broken connection is tried again. `onProgress` gets the bytes so far. */
export async function send(document: Schemas["Document"], file: File, onProgress: (sent: number) => void): Promise<void> {
  if (document.upload) {
    const { url, headers } = document.upload;
    return again(() => put(url, headers, file, onProgress));
  }
  if (document.upload_parts) await sendParts(document.id, document.upload_parts, file, onProgress);
}

async function again<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt >= 4 || error instanceof Refusal) throw error;
      await pause(1000 * 2 ** attempt);
    }
  }
}

/** Goes on with the parts that have not arrived, so that an upload that was interrupted is not sent from the start. */
async function sendParts(id: string, { part_bytes: size, count }: Schemas["UploadParts"], file: File, onProgress: (sent: number) => void): Promise<void> {
  const path = { document_id: id };
  const sent = new Map<number, number>(); // bytes, by part
  const note = (number: number, bytes: number) => {
    sent.set(number, bytes);
    onProgress([...sent.values()].reduce((sum, part) => sum + part, 0));
  };
  const bytesOf = (number: number) => file.slice((number - 1) * size, number * size);
  for (let failures = 0; ;) {
    try {
      const { arrived } = await api.get("/documents/{document_id}/parts", { path });
      for (const number of arrived) note(number, bytesOf(number).size);
      const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !arrived.includes(number));
      for (let at = 0; at < missing.length; at += AT_A_TIME) {
        const { items } = await api.post("/documents/{document_id}/parts", { path, body: { numbers: missing.slice(at, at + AT_A_TIME) } });
        const next = async (): Promise<void> => {
          for (let part = items.shift(); part; part = items.shift()) {
            const { number, url, headers } = part;
            await put(url, headers, bytesOf(number), (bytes) => note(number, bytes));
            note(number, bytesOf(number).size);
            failures = 0;
          }
        };
        const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, next));
        const broken = ends.find((end) => end.status === "rejected");
        if (broken) throw broken.reason;
      }
      await api.post("/documents/{document_id}/parts/complete", { path });
      return;
    } catch (error) {
      if (error instanceof Refusal && error.code === "not_found") throw new NotExpected(error.status, error.code, error.message);
      failures += 1;
      if (failures > MOST_FAILURES) throw error;
      await pause(Math.min(1000 * 2 ** failures, 30_000));
    }
  }
}

function put(url: string, headers: Record<string, string>, bytes: Blob, onProgress: (sent: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      if (name.toLowerCase() !== "content-length") request.setRequestHeader(name, value); // the browser's own
    }
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => (request.status < 300 ? resolve() : reject(new Refusal(request.status, "", t("upload.refused", { status: request.status }))));
    request.onerror = () => reject(new TypeError());
    request.send(bytes);
  });
}
