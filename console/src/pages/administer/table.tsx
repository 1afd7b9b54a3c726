// A table of things with what one can do to each.
import type { ComponentChildren } from "preact";
import { t } from "../../strings";
import { Empty, Loaded, Menu, type MenuEntry } from "../../ui/basics";
import type { IconName } from "../../ui/icons";

export interface Column<T> {
  text: string;
  cell: (item: T) => ComponentChildren;
  class?: string;
}

interface Props<T> {
  state: { data?: T[]; error?: unknown; reload: () => Promise<void> };
  columns: Column<T>[];
  id: (item: T) => string;
  title: (item: T) => string;
  actions?: (item: T) => MenuEntry[];
  empty: string;
  icon: IconName;
}

export function Table<T>({ state, columns, id, title, actions, empty, icon }: Props<T>) {
  return (
    <Loaded state={state}>
      {(items) => items.length === 0 ? <Empty icon={icon} title={empty} /> : (
        <div class="scroll" tabIndex={actions ? undefined : 0}>
          <table class="list">
            <thead>
              <tr>
                {columns.map((column) => <th key={column.text} scope="col" class={column.class}>{column.text}</th>)}
                {actions && <th scope="col"><span class="sr">{t("field.actions")}</span></th>}
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <tr key={id(item)}>
                  {columns.map((column, index) => <td key={column.text} class={`${column.class ?? ""} ${index ? "" : "main-cell"}`}>{column.cell(item)}</td>)}
                  {actions && <td class="number">{actions(item).length > 0 && <Menu label={t("action.for", { title: title(item) })} entries={actions(item)} />}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Loaded>
  );
}
