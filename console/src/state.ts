// A value that components follow.
import { useEffect, useState } from "preact/hooks";

export class Cell<T> {
  private followers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const follower of [...this.followers]) follower();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.current));
  }

  follow(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [, render] = useState(0);
  useEffect(() => {
    const seen = cell.value;
    const stop = cell.follow(() => render((count) => count + 1));
    if (!Object.is(seen, cell.value)) render((count) => count + 1);
    return stop;
  }, [cell]);
  return cell.value;
}

/** What the browser keeps for this service alone: several services may share one origin. */
const PREFIX = `alcove:${location.pathname.replace(/\/console\/?$/, "")}:`;

export const kept = {
  get(name: string): string | null {
    try {
      return localStorage.getItem(PREFIX + name);
    } catch {
      return null;
    }
  },
  set(name: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, value);
    } catch {
      // A browser that keeps nothing: the session ends with the page.
    }
  },
  onChange(name: string, follower: (value: string | null) => void): void {
    addEventListener("storage", (event) => {
      if (event.key === PREFIX + name) follower(event.newValue);
    });
  },
};
