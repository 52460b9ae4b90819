/**
 * The view of one run, as a tab in the main area.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { ApiError, IRunDetail } from '../api';
import { Button } from '../buttons';
import { useNow } from '../hooks';
import { kernelpipeIcon, stateIcon } from '../icons';
import { isSameRun } from '../keys';
import { asApiError } from '../refusals';
import { hasEnded, stateText } from '../states';
import { runName, whenTexts } from '../texts';
import type { IRunKey, IRuns } from '../tokens';
import { Header } from './header';
import type { IViewNeeds } from './needs';
import { Step } from './step';
import { Steps } from './steps';

const NOT_FOUND = 404;

/** Return the step that is most worth looking at. */
function telling(run: IRunDetail): string | null {
  const found =
    run.steps.find(step => step.state === 'FAILED') ??
    run.steps.find(step => step.state === 'RUNNING') ??
    run.steps.find(step => step.state === 'CANCELED') ??
    [...run.steps].reverse().find(step => step.state === 'SUCCEEDED') ??
    run.steps[0];
  return found?.name ?? null;
}

/** A run that is known. */
function Body(props: {
  needs: IViewNeeds;
  run: IRunDetail;
  picked: string | null;
  isVisible: boolean;
  onPick: (step: string) => void;
}): React.JSX.Element {
  const { needs, run, isVisible } = props;
  const now = useNow(isVisible && !hasEnded(run.state) ? 1 : 0);
  const selected = props.picked ?? telling(run);
  const step = run.steps.find(each => each.name === selected);
  return (
    <>
      <Header needs={needs} run={run} now={now} />
      <div className="jp-kernelpipe-RunView-main">
        <Steps
          run={run}
          now={now}
          selected={selected}
          trans={needs.trans}
          onSelect={props.onPick}
        />
        {step && (
          <Step
            key={step.name}
            needs={needs}
            run={run}
            step={step}
            isVisible={isVisible}
          />
        )}
      </div>
    </>
  );
}

/** The view of a run. */
export class RunView extends ReactWidget {
  /**
   * @param key - Which run.
   * @param step - The step to look at; null for the most telling one.
   */
  constructor(
    private readonly _needs: IViewNeeds,
    readonly key: IRunKey,
    step: string | null
  ) {
    super();
    this._step = step;
    this.addClass('jp-kernelpipe-RunView');
    this.node.tabIndex = -1;
    this.node.dataset['kernelpipeRun'] = key.run_id;
    this.title.icon = kernelpipeIcon;
    this.title.label = _needs.trans.__('Run');
    const { runs } = _needs.kernelpipe;
    runs.changed.connect(this._onRuns, this);
    runs.detailChanged.connect(this._onDetail, this);
    document.addEventListener('visibilitychange', this._onVisibility);
    void this._load();
  }

  /** The step that was chosen; null as long as none was. */
  get step(): string | null {
    return this._step;
  }

  set step(name: string | null) {
    this._step = name;
    this.update();
  }

  dispose(): void {
    if (!this.isDisposed) {
      document.removeEventListener('visibilitychange', this._onVisibility);
      const { runs } = this._needs.kernelpipe;
      runs.changed.disconnect(this._onRuns, this);
      runs.detailChanged.disconnect(this._onDetail, this);
      super.dispose();
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.update();
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.update();
  }

  protected render(): React.JSX.Element {
    const { trans } = this._needs;
    if (this._isGone) {
      return (
        <p className="jp-kernelpipe-Empty">
          {trans.__('This run has been deleted.')}
        </p>
      );
    }
    if (this._detail === null) {
      return this._problem === null ? (
        <p className="jp-kernelpipe-Empty">{trans.__('Loading…')}</p>
      ) : (
        <div>
          <p className="jp-kernelpipe-Problem">{this._problem.message}</p>
          <Button
            label={trans.__('Try again')}
            onClick={() => void this._load()}
          />
        </div>
      );
    }
    return (
      <Body
        needs={this._needs}
        run={this._detail}
        picked={this._step}
        isVisible={this.isVisible && !document.hidden}
        onPick={step => {
          this.step = step;
        }}
      />
    );
  }

  private async _load(): Promise<void> {
    this._problem = null;
    this.update();
    try {
      this._take(await this._needs.kernelpipe.runs.load(this.key));
    } catch (reason) {
      this._problem = asApiError(reason);
      this._isGone = this._problem.status === NOT_FOUND;
    }
    if (!this.isDisposed) {
      this.update();
    }
  }

  private _take(detail: IRunDetail): void {
    const { trans } = this._needs;
    const time = new Date(detail.started_at * 1000).toLocaleTimeString();
    this._detail = detail;
    this.title.icon = stateIcon(detail.state);
    this.title.label = `${detail.pipeline} ${time}`;
    this.title.caption = trans.__(
      'Run of %1, %2, %3',
      runName(detail),
      stateText(trans, detail.state),
      whenTexts(detail.started_at).exact
    );
    this.node.dataset['kernelpipeState'] = detail.state;
    this.update();
  }

  private _onDetail(_: IRuns, detail: IRunDetail): void {
    if (isSameRun(detail, this.key)) {
      this._take(detail);
    }
  }

  /** A run that was listed and is no more was deleted. */
  private _onRuns(runs: IRuns): void {
    const isListed = runs.list.some(run => isSameRun(run, this.key));
    const isGone = runs.isReady && this._wasListed && !isListed;
    this._wasListed = this._wasListed || isListed;
    if (isGone !== this._isGone && this._wasListed) {
      this._isGone = isGone;
      this.update();
    }
  }

  private readonly _onVisibility = (): void => this.update();

  private _detail: IRunDetail | null = null;
  private _problem: ApiError | null = null;
  private _isGone = false;
  private _wasListed = false;
  private _step: string | null;
}
