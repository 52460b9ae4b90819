/**
 * The menu of steps and roles, for the cell toolbar and the context menu.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import type { IKernelpipe } from '../tokens';
import { CommandIDs } from '../tokens';
import { stepNames } from './selection';
import { ROLES } from './words';

/** A menu that offers the steps of the current notebook. */
export class StepMenu extends MenuSvg {
  constructor(
    commands: CommandRegistry,
    private readonly _kernelpipe: IKernelpipe,
    trans: TranslationBundle
  ) {
    super({ commands });
    this.title.label = trans.__('Pipeline Step');
    this.addClass('jp-kernelpipe-StepMenu');
    this._roles = new MenuSvg({ commands });
    this._roles.title.label = trans.__('Role');
    for (const role of ROLES) {
      this._roles.addItem({ command: CommandIDs.setRole, args: { role } });
    }
    _kernelpipe.sessions.currentChanged.connect(this._follow, this);
    this._follow();
  }

  private readonly _roles: MenuSvg;
  private _steps: string[] | null = null;

  private _follow(): void {
    for (const session of this._kernelpipe.sessions.all()) {
      session.changed.disconnect(this._fill, this);
    }
    this._kernelpipe.sessions.current?.changed.connect(this._fill, this);
    this._fill();
  }

  private _fill(): void {
    const steps = stepNames(this._kernelpipe.sessions.current);
    if (this._steps?.join() === steps.join()) {
      return;
    }
    this._steps = steps;
    this.clearItems();
    for (const step of steps) {
      this.addItem({ command: CommandIDs.setStep, args: { step } });
    }
    this.addItem({ type: 'separator' });
    this.addItem({ command: CommandIDs.newStep });
    this.addItem({ command: CommandIDs.renameStep });
    this.addItem({ command: CommandIDs.removeStep });
    this.addItem({ type: 'submenu', submenu: this._roles });
    this.addItem({ type: 'separator' });
    this.addItem({ command: CommandIDs.stepSettings });
  }
}
