/**
 * Tabs by the usual keyboard pattern: arrows move between them, the panel comes next.
 */
import * as React from 'react';

/** A tab and what it shows. */
export interface ITab {
  id: string;
  label: string;
  render: () => React.JSX.Element;
}

/** Return how far a key moves; 0 for keys that do not. */
function moves(key: string): number {
  return key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
}

/** Tabs, of which one is shown. */
export function Tabs(props: {
  label: string;
  tabs: ITab[];
  selected: string;
  onSelect: (id: string) => void;
}): React.JSX.Element | null {
  const { tabs, onSelect } = props;
  const prefix = React.useId();
  const shown = tabs.find(tab => tab.id === props.selected) ?? tabs[0];
  if (!shown) {
    return null;
  }
  const onKeyDown = (event: React.KeyboardEvent<HTMLDivElement>): void => {
    const step = moves(event.key);
    const at = tabs.indexOf(shown) + step + tabs.length;
    const next = tabs[at % tabs.length];
    if (step !== 0 && next) {
      event.preventDefault();
      onSelect(next.id);
      document.getElementById(`${prefix}${next.id}`)?.focus();
    }
  };
  return (
    <div className="jp-kernelpipe-Tabs">
      <div
        className="jp-kernelpipe-Tabs-list"
        role="tablist"
        aria-label={props.label}
        onKeyDown={onKeyDown}
      >
        {tabs.map(tab => (
          <button
            key={tab.id}
            type="button"
            id={`${prefix}${tab.id}`}
            role="tab"
            aria-selected={tab === shown}
            aria-controls={`${prefix}panel`}
            tabIndex={tab === shown ? 0 : -1}
            onClick={() => onSelect(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        className="jp-kernelpipe-Tabs-panel"
        role="tabpanel"
        id={`${prefix}panel`}
        aria-labelledby={`${prefix}${shown.id}`}
      >
        {shown.render()}
      </div>
    </div>
  );
}
