// A database that nobody used for long is paused: the first request wakes it, and is sent again when it is awake.
import { Cell } from "./state";

export const isWaking = new Cell(false);

const MOST_TRIES = 8;

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The response of `send`, which is called again while the service says that it is waking: nothing was done then. */
export async function patiently(send: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await send();
    if (response.status !== 503 || tries === MOST_TRIES || !(await saysWaking(response))) {
      isWaking.set(false);
      return response;
    }
    isWaking.set(true);
    await pause(1000 * Number(response.headers.get("Retry-After") ?? 10));
  }
}

async function saysWaking(response: Response): Promise<boolean> {
  try {
    return ((await response.clone().json()) as { code?: string }).code === "waking";
  } catch {
    return false;
  }
}
