/**
 * The side panel: a header and four sections.
 */
import type { ITranslator } from '@jupyterlab/translation';
import {
  caretDownIcon,
  ReactWidget,
  SidePanel,
  UseSignal
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { MessageLoop } from '@lumino/messaging';
import type { Title } from '@lumino/widgets';
import { AccordionPanel, Panel, Widget } from '@lumino/widgets';
import * as React from 'react';

import { History } from '../history';
import { kernelpipeIcon } from '../icons';
import { Actions } from './actions';
import type { IStage, Section } from './actions';
import { Announcer } from './announcer';
import { Diagnostics } from './diagnostics';
import { Header } from './header';
import type { INotebookSession } from '../tokens';
import type { PanelModel } from './model';
import { Parameters } from './parameters';
import type { ISectionProps } from './parts';
import { Scheduling } from './scheduling';
import { Steps } from './steps';

/** The panel's id in the shell. */
export const PANEL_ID = 'kernelpipe-panel';

/** Pixels that things take, by which the sections get their shares. */
const ROW = {
  noSteps: 200,
  step: 50,
  details: 190,
  diagnostic: 78,
  field: 36,
  runs: 190,
  schedule: 440
};

/** The most that each section asks for. */
const MOST = [600, 300, 260, 440];

const ORDER: readonly Section[] = [
  'steps',
  'diagnostics',
  'parameters',
  'runs'
];

const FOCUSABLE =
  'button:not(:disabled):not([tabindex="-1"]), input, select:not(:disabled), textarea, [tabindex="0"]';

/**
 * Titles of sections that screen readers know as buttons: a heading may not be expanded.
 * JupyterLab's own renderer of such titles is public since 4.6 only.
 */
class Renderer extends AccordionPanel.Renderer {
  createCollapseIcon(): HTMLElement {
    const container = document.createElement('div');
    caretDownIcon.element({ container });
    return container;
  }

  createSectionTitle(data: Title<Widget>): HTMLElement {
    const heading = super.createSectionTitle(data);
    const title = document.createElement('div');
    for (const { name, value } of Array.from(heading.attributes)) {
      title.setAttribute(name, value);
    }
    title.classList.add('jp-AccordionPanel-title');
    title.setAttribute('role', 'button');
    title.append(...Array.from(heading.childNodes));
    return title;
  }
}

/** What calls back when it and what is in it are rendered. */
function Committed(props: {
  onCommit: () => void;
  children: React.ReactNode;
}): React.JSX.Element {
  React.useLayoutEffect(() => props.onCommit());
  return <>{props.children}</>;
}

/** A part of the panel that follows the model. */
class Part extends ReactWidget {
  private _isFocusWanted = false;

  constructor(
    private readonly _part: (props: ISectionProps) => React.JSX.Element | null,
    private readonly _props: ISectionProps,
    name: string
  ) {
    super();
    this.addClass('jp-kernelpipe-PanelPart');
    this.addClass(`jp-kernelpipe-Panel${name}Part`);
  }

  protected render(): React.JSX.Element {
    const PartComponent = this._part;
    return (
      <UseSignal signal={this._props.model.changed}>
        {() => (
          <Committed onCommit={() => this._onCommit()}>
            <PartComponent {...this._props} />
          </Committed>
        )}
      </UseSignal>
    );
  }

  /** Give the keyboard what stands first in it, once the model's present state is rendered. */
  focusFirst(): void {
    this._isFocusWanted = true;
    this._props.model.update();
  }

  private _onCommit(): void {
    if (this._isFocusWanted) {
      this._isFocusWanted = false;
      this.node.querySelector<HTMLElement>(FOCUSABLE)?.focus();
    }
  }
}

/** The side panel. */
export class KernelpipePanel extends SidePanel implements IStage {
  readonly actions: Actions;
  private readonly _announcer: Announcer;
  /** The header grows after the layout: the sections must hear what room is left for them. */
  private readonly _room = new ResizeObserver(() => {
    MessageLoop.sendMessage(this.content, Widget.ResizeMessage.UnknownSize);
    this._sizes = '';
    this._updateSizes();
  });
  private _isArranged = false;
  private _session: INotebookSession | null = null;
  /** The most findings that the notebook had: typing must not make the sections jump. */
  private _most = 0;
  private _sizes = '';

  constructor(
    private readonly _model: PanelModel,
    private readonly _activate: () => void,
    options: { commands: CommandRegistry; translator: ITranslator }
  ) {
    super({
      translator: options.translator,
      header: new Panel(),
      renderer: new Renderer()
    });
    const { commands } = options;
    const { trans, kernelpipe } = _model;
    this.id = PANEL_ID;
    this.addClass('jp-kernelpipe-Panel');
    this.title.icon = kernelpipeIcon;
    this.title.caption = trans.__('Pipeline');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Pipeline'));
    this.actions = new Actions(_model, this, commands);
    this._announcer = new Announcer(_model);
    const props = { model: _model, actions: this.actions, commands, trans };
    const announcer = this._announcer;
    const header = (): React.JSX.Element => (
      <>
        <Header {...props} />
        <div className="jp-kernelpipe-Hidden" aria-live="polite">
          {announcer.text}
        </div>
      </>
    );
    this.header.addWidget(new Part(header, props, 'Header'));
    const runs = (): React.JSX.Element => (
      <>
        <Scheduling {...props} />
        <History kernelpipe={kernelpipe} trans={trans} commands={commands} />
      </>
    );
    this._add(trans.__('Steps'), new Part(Steps, props, 'Steps'));
    this._add(
      trans.__('Diagnostics'),
      new Part(Diagnostics, props, 'Diagnostics')
    );
    this._add(
      trans.__('Parameters'),
      new Part(Parameters, props, 'Parameters')
    );
    this._add(trans.__('Runs'), new Part(runs, props, 'Runs'));
    this._accordion.handleMoved.connect(() => {
      this._isArranged = true;
    }, this);
    this._room.observe(this.content.node);
    _model.changed.connect(this._onChanged, this);
    commands.commandChanged.connect(this._onCommandChanged, this);
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._room.disconnect();
    this._announcer.dispose();
    this._model.dispose();
    super.dispose();
  }

  open(section: Section | null): void {
    this._activate();
    if (section !== null) {
      this._accordion.expand(ORDER.indexOf(section));
    }
  }

  /**
   * Give the keyboard what stands first in a section, once the palette, if the command came from
   * there, has given the focus back to the notebook.
   */
  focus(section: Section): void {
    const part = this.widgets[ORDER.indexOf(section)];
    const focus = (): void => {
      if (part instanceof Part) {
        part.focusFirst();
      }
    };
    requestAnimationFrame(() => requestAnimationFrame(focus));
  }

  focusParameter(name: string): void {
    const field = `[data-kernelpipe-parameter="${CSS.escape(name)}"]`;
    this.node
      .querySelector<HTMLElement>(`${field} :is(input, textarea)`)
      ?.focus();
  }

  private _add(label: string, part: Part): void {
    part.title.label = label;
    this.addWidget(part);
  }

  private _onChanged(): void {
    this._updateTitles();
    this._updateSizes();
  }

  /** Give the sections room for what they have, until the user arranges them. */
  private _updateSizes(): void {
    const { session, diagnostics, expanded, schedules } = this._model;
    const isCollapsed = this.widgets.some(each => each.isHidden);
    if (this._isArranged || isCollapsed) {
      return;
    }
    this._most = session === this._session ? this._most : 0;
    this._most = Math.max(this._most, diagnostics.length);
    this._session = session;
    const steps = session?.analysis?.steps.length ?? 0;
    const fields = session?.analysis?.parameters.length ?? 0;
    const sizes = [
      steps === 0
        ? ROW.noSteps
        : 10 + ROW.step * Math.max(2, steps) + ROW.details * expanded,
      ROW.diagnostic * Math.max(0.6, this._most),
      24 + ROW.field * Math.max(0.7, fields),
      schedules.isFormShown ? ROW.schedule : ROW.runs
    ].map((size, index) => Math.min(size, MOST[index] ?? size));
    if (sizes.join() !== this._sizes) {
      this._sizes = sizes.join();
      this._accordion.setRelativeSizes(sizes);
    }
  }

  private get _accordion(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  /** Buttons show whether their commands can be used. */
  private _onCommandChanged(
    _: CommandRegistry,
    { id, type }: CommandRegistry.ICommandChangedArgs
  ): void {
    if (type === 'many-changed' || id?.startsWith('kernelpipe:')) {
      this._model.update();
    }
  }

  /** Say in the title of the findings how many there are. */
  private _updateTitles(): void {
    const { length } = this._model.diagnostics;
    const part = this.widgets[ORDER.indexOf('diagnostics')];
    const title = this._model.trans.__('Diagnostics');
    const label = length > 0 ? `${title} (${length})` : title;
    if (part && part.title.label !== label) {
      part.title.label = label;
    }
  }
}
