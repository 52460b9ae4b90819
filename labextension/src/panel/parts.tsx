/**
 * Small parts of the panel that more than one section uses.
 */
import type { LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import type { IButtonProps } from '../buttons';
import { Button } from '../buttons';
import type { Actions } from './actions';
import type { PanelModel } from './model';

/** What every section gets. */
export interface ISectionProps {
  model: PanelModel;
  actions: Actions;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/**
 * A button of a command, with its icon; its state is that of the command.
 *
 * It can be focused while it is disabled: the keyboard must not lose its place when a run starts.
 */
export function CommandButton(props: {
  commands: CommandRegistry;
  id: string;
  args?: ReadonlyPartialJSONObject;
  /** In place of the command's label. */
  label?: string;
  kind?: IButtonProps['kind'];
  isBusy?: boolean;
}): React.JSX.Element {
  const { commands, id, args } = props;
  const icon = commands.icon(id, args);
  const label = props.label ?? commands.label(id, args);
  const caption = commands.caption(id, args) || label;
  const isEnabled = commands.isEnabled(id, args);
  return (
    <Button
      label={label}
      icon={typeof icon === 'object' ? (icon as LabIcon) : undefined}
      kind={props.kind}
      command={id}
      title={caption}
      aria-busy={props.isBusy}
      aria-disabled={!isEnabled}
      onClick={() => isEnabled && void commands.execute(id, args)}
    />
  );
}

/** What stands in a section that has nothing to show. */
export function Empty(props: {
  text: string;
  children?: React.ReactNode;
}): React.JSX.Element {
  return (
    // Without a button the text is what the keyboard scrolls by.
    <div
      className="jp-kernelpipe-PanelEmpty"
      tabIndex={props.children ? undefined : 0}
    >
      <p>{props.text}</p>
      {props.children}
    </div>
  );
}
