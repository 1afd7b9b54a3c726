// An answer's Markdown as elements. Nothing of it becomes HTML by itself: what is not known here is shown as text.
import { Fragment, type ComponentChildren, type VNode } from "preact";

export type Cite = (number: number) => VNode | null;

const FENCE = /^ {0,3}(```+|~~~+)/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])( *\1){2,} *$/;

export function Markdown({ text, cite }: { text: string; cite: Cite }) {
  return <div class="prose">{blocks(text.replaceAll("\r\n", "\n").split("\n"), cite)}</div>;
}

function blocks(lines: string[], cite: Cite): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let at = 0;
  const paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length) parts.push(<p key={parts.length}>{broken(paragraph.splice(0), cite)}</p>);
  };
  while (at < lines.length) {
    const line = lines[at]!;
    const fence = FENCE.exec(line);
    if (fence) {
      flush();
      const end = lines.findIndex((other, index) => index > at && other.trimStart().startsWith(fence[1]!));
      const stop = end < 0 ? lines.length : end;
      parts.push(<pre key={parts.length} tabIndex={0}><code>{lines.slice(at + 1, stop).join("\n")}</code></pre>);
      at = stop + 1;
    } else if (/^ {0,3}#{1,6}\s/.test(line)) {
      flush();
      parts.push(<p key={parts.length} class="heading">{inline(line.replace(/^ *#+\s+|\s+#+\s*$/g, ""), cite)}</p>);
      at += 1;
    } else if (RULE.test(line)) {
      flush();
      parts.push(<hr key={parts.length} />);
      at += 1;
    } else if (/^ {0,3}>/.test(line)) {
      flush();
      const end = until(lines, at, (other) => /^ {0,3}>/.test(other));
      parts.push(<blockquote key={parts.length}>{blocks(lines.slice(at, end).map((other) => other.replace(/^ {0,3}> ?/, "")), cite)}</blockquote>);
      at = end;
    } else if (ITEM.test(line)) {
      flush();
      const end = until(lines, at, (other, index) => ITEM.test(other) || /^\s+\S/.test(other) || (other.trim() === "" && ITEM.test(lines[index + 1] ?? "")));
      parts.push(<Fragment key={parts.length}>{list(lines.slice(at, end), cite)}</Fragment>);
      at = end;
    } else if (line.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("|")) {
      flush();
      const end = until(lines, at, (other) => other.includes("|"));
      parts.push(<Fragment key={parts.length}>{table(lines.slice(at, end), cite)}</Fragment>);
      at = end;
    } else {
      if (line.trim() === "") flush();
      else paragraph.push(line);
      at += 1;
    }
  }
  flush();
  return parts;
}

function until(lines: string[], from: number, belongs: (line: string, index: number) => boolean): number {
  let end = from + 1;
  while (end < lines.length && belongs(lines[end]!, end)) end += 1;
  return end;
}

function list(lines: string[], cite: Cite): VNode {
  const first = ITEM.exec(lines[0]!)!;
  const depth = first[1]!.length;
  const items: string[][] = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1]!.length <= depth + 1) items.push([item[3]!]);
    else items[items.length - 1]!.push(line.slice(Math.min(line.length - line.trimStart().length, depth + 2)));
  }
  const entries = items.map((item, index) => {
    const rest = item.slice(1).some((line) => line.trim());
    return <li key={index}>{rest ? [inline(item[0]!, cite), ...blocks(item.slice(1), cite)] : inline(item[0]!, cite)}</li>;
  });
  const isNumbered = /\d/.test(first[2]!);
  return isNumbered ? <ol start={parseInt(first[2]!, 10)}>{entries}</ol> : <ul>{entries}</ul>;
}

function table(lines: string[], cite: Cite): VNode {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const [head, , ...rows] = lines;
  return (
    <div class="scroll" tabIndex={0}>
      <table>
        <thead><tr>{cells(head!).map((cell, index) => <th key={index} scope="col">{inline(cell, cite)}</th>)}</tr></thead>
        <tbody>{rows.map((row, index) => <tr key={index}>{cells(row).map((cell, column) => <td key={column}>{inline(cell, cite)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

function broken(lines: string[], cite: Cite): ComponentChildren[] {
  return lines.flatMap((line, index) => (index ? [<br key={`b${index}`} />, ...inline(line, cite)] : inline(line, cite)));
}

// Code, citations, links, bold, italic; in this order, so that nothing inside of code is read.
const INLINE = /(`+)([^`].*?)\1(?!`)|\[(\d{1,3})\](?!\()|\[([^\]\n]{1,300})\]\((https?:\/\/[^\s)]{1,2000})\)|\*\*(\S.*?)\*\*|(?<![\w*])[*_](\S.*?\S|\S)[*_](?![\w*])/;

function inline(text: string, cite: Cite): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let rest = text;
  // Longer lines are no prose: they are shown as they are, so that none keeps the browser busy.
  for (let match = text.length > 4000 ? null : INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    if (match.index) parts.push(rest.slice(0, match.index));
    parts.push(<Fragment key={parts.length}>{part(match, cite)}</Fragment>);
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest) parts.push(rest);
  return parts;
}

function part(match: RegExpExecArray, cite: Cite): ComponentChildren {
  const [whole, , code, number, label, address, bold, italic] = match;
  if (code !== undefined) return <code>{code}</code>;
  if (number !== undefined) return cite(Number(number)) ?? whole;
  // A link of an answer is the model's own words: it leads nowhere before somebody opens it, and says where it leads.
  if (address !== undefined) return <>{label} (<a href={address} target="_blank" rel="noopener noreferrer nofollow">{address}</a>)</>;
  if (bold !== undefined) return <strong>{inline(bold, cite)}</strong>;
  return <em>{inline(italic!, cite)}</em>;
}
