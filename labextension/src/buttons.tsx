/**
 * Buttons and icons as all parts have them.
 */
import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** An icon that says nothing to screen readers: the text beside it does. */
export function Icon(props: { icon: LabIcon }): React.JSX.Element {
  return (
    <props.icon.react
      tag="span"
      className="jp-kernelpipe-Icon"
      aria-hidden="true"
    />
  );
}

/** What a button has besides the attributes of every button. */
export interface IButtonProps extends React.ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  icon?: LabIcon;
  /** One with only an icon has its label as a tooltip. */
  kind?: 'plain' | 'primary' | 'link' | 'icon';
  /** Which command it stands for. */
  command?: string;
}

/** A button. */
export function Button(props: IButtonProps): React.JSX.Element {
  const { label, icon, kind = 'plain', command, ...attributes } = props;
  const isIconOnly = kind === 'icon';
  return (
    <button
      type="button"
      className={`jp-kernelpipe-Button jp-mod-${kind}`}
      data-command={command}
      title={isIconOnly ? label : undefined}
      aria-label={isIconOnly ? label : undefined}
      {...attributes}
    >
      {icon && <Icon icon={icon} />}
      {!isIconOnly && <span>{label}</span>}
    </button>
  );
}
